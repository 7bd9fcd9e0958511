import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fetchConnectionDetails, fetchDirectRefusal, serverTimeout, fetchRoomRefusal, serverUnreachable, watchLobby } from "./api";

/** FakeEventSource behaves like a browser's EventSource, which does not reconnect after the server has refused it. */
class FakeEventSource extends EventTarget {
  static readonly CLOSED = 2;
  static opened: FakeEventSource[] = [];
  readyState = 1;

  constructor() {
    super();
    FakeEventSource.opened.push(this);
  }

  close() {
    this.readyState = FakeEventSource.CLOSED;
  }

  fail(closed: boolean) {
    if (closed) this.close();
    this.dispatchEvent(new Event("error"));
  }
}

beforeEach(() => {
  FakeEventSource.opened = [];
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", FakeEventSource);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the lobby reconnects after the server has refused its event stream", () => {
  const stop = watchLobby(() => undefined);
  FakeEventSource.opened[0]?.fail(false);
  vi.advanceTimersByTime(60_000);
  expect(FakeEventSource.opened).toHaveLength(1);
  FakeEventSource.opened[0]?.fail(true);
  vi.advanceTimersByTime(15_000);
  expect(FakeEventSource.opened).toHaveLength(2);
  FakeEventSource.opened[1]?.fail(true);
  stop();
  vi.advanceTimersByTime(60_000);
  expect(FakeEventSource.opened).toHaveLength(2);
});

test.each([
  ["/meet/", "http://meet.test:8080/meet/"],
  ["wss://live.example.org", "wss://live.example.org/"],
])("the server address %s is resolved to %s", async (serverUrl, want) => {
  vi.stubGlobal("location", new URL("http://meet.test:8080/meet/rooms/blue"));
  const fetched = vi.fn().mockResolvedValue(Response.json({ serverUrl }));
  vi.stubGlobal("fetch", fetched);
  expect((await fetchConnectionDetails("blue", "Ada", new AbortController().signal)).serverUrl).toBe(want);
  expect(fetched.mock.calls[0]?.[0]).toContain("host=meet.test%3A8080");
});

const answer = (status: number, text: string, type = "text/plain; charset=utf-8") => () =>
  Promise.resolve(new Response(text, { status, headers: { "content-type": type } }));

test.each([
  ["a full meeting", answer(429, "this meeting is full; try again when somebody has left\n"), "This meeting is full; try again when somebody has left."],
  ["a restart", answer(503, "the server is restarting; try again in a moment"), "The server is restarting; try again in a moment."],
  ["a ban", answer(403, "you were removed from this meeting; ask its host for a new invitation"), /^You were removed/],
  ["a proxy's error page", answer(503, "<html>", "text/html"), /error 503/],
  ["a proxy without a server", answer(502, "Bad Gateway"), /error 502/],
  ["no network", () => Promise.reject(new TypeError("failed")), serverUnreachable],
  ["no error", answer(200, "success"), undefined],
])("a refusal is explained by the response: %s", async (_, fetched, want) => {
  vi.stubGlobal("fetch", vi.fn(fetched));
  for (const refusal of [await fetchRoomRefusal("ws://meet.test", "token"), await fetchDirectRefusal()]) {
    if (want === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toMatch(want);
  }
});

test.each([
  ["ws://meet.test:8080", "http://meet.test:8080/rtc/validate"],
  ["wss://meet.test/meet/", "https://meet.test/meet/rtc/validate"],
  ["https://meet.test/meet", "https://meet.test/meet/rtc/validate"],
])("the refusal of the server %s is fetched from %s", async (serverUrl, want) => {
  const fetched = vi.fn(answer(200, "success"));
  vi.stubGlobal("fetch", fetched);
  await fetchRoomRefusal(serverUrl, "token");
  expect(fetched).toHaveBeenCalledWith(want, expect.objectContaining({ headers: { Authorization: "Bearer token" } }));
});

test("a server that does not answer in time is reported as too slow", async () => {
  const timeout = new AbortController();
  vi.spyOn(AbortSignal, "timeout").mockReturnValue(timeout.signal);
  vi.stubGlobal("fetch", (_: string, { signal }: RequestInit) => new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted")))));
  const refusal = fetchDirectRefusal();
  timeout.abort();
  expect(await refusal).toBe(serverTimeout);
});

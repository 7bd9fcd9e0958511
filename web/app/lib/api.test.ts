import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connectionDetails, noWebSocket, unreachable, watchLobby, whyNoSocket } from "./api";

/** A stream of events as browsers have it: it is closed for good when the server refuses it. */
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

test("the lobby asks again after the server has refused its stream", () => {
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
])("a server at %s is at %s for the page", async (serverUrl, want) => {
  vi.stubGlobal("location", new URL("http://meet.test:8080/meet/rooms/blue"));
  const fetched = vi.fn().mockResolvedValue(Response.json({ serverUrl }));
  vi.stubGlobal("fetch", fetched);
  expect((await connectionDetails("blue", "Ada", new AbortController().signal)).serverUrl).toBe(want);
  expect(fetched.mock.calls[0]?.[0]).toContain("host=meet.test%3A8080");
});

test.each([
  [() => Promise.resolve(new Response("page")), noWebSocket],
  [() => Promise.resolve(new Response("", { status: 502 })), /error 502/],
  [() => Promise.reject(new TypeError("failed")), unreachable],
])("a socket that does not open is explained", async (answer, want) => {
  vi.stubGlobal("fetch", vi.fn(answer));
  expect(await whyNoSocket()).toMatch(want);
});

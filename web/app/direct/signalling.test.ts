import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Ending } from "../features/after/ending";
import { late, noWebSocket, unreachable } from "../lib/api";
import { decode, encode, type Signal, Signalling } from "./signalling";

// partysocket copies events for its listeners, in browsers by another way than in Node. It decides which when it is loaded.
vi.hoisted(() => {
  const { process } = globalThis as unknown as { process: object };
  vi.stubGlobal("process", Object.create(process, { versions: { value: {} } }));
});

/** The browser's side of each connection that partysocket makes. */
class FakeWebSocket extends EventTarget {
  static made: FakeWebSocket[] = [];
  static get last(): FakeWebSocket {
    const socket = FakeWebSocket.made.at(-1);
    if (!socket) throw new Error("there is no socket");
    return socket;
  }
  readyState = 0;

  constructor() {
    super();
    FakeWebSocket.made.push(this);
  }

  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  say(data: string) {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  end(code: number) {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code }));
  }

  close() {
    this.readyState = 3;
  }
}

beforeEach(() => {
  FakeWebSocket.made = [];
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  vi.stubGlobal("fetch", vi.fn().mockResolvedValue(new Response("page")));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A connection that is being made, and what becomes of it. */
async function connecting() {
  const [onSignal, onUnheard] = [vi.fn<(signal: Signal) => void>(), vi.fn<(ending: Ending) => void>()];
  const signalling = new Signalling(onSignal, onUnheard);
  await vi.advanceTimersByTimeAsync(0);
  return { signalling, onSignal, onUnheard };
}

it.each([
  ['"SessionNew"', { name: "SessionNew", texts: [] }],
  ['{"SessionJoin":"id"}', { name: "SessionJoin", texts: ["id"] }],
  ['{"VideoOffer":["v=0\\r\\n","id"]}', { name: "VideoOffer", texts: ["v=0\r\n", "id"] }],
])("writes and reads %s as serde does", (text, signal) => {
  expect(encode(signal)).toBe(text);
  expect(decode(text)).toEqual(signal);
});

it.each(["", "hello", "7", "null", "{}", '{"A":"b","C":"d"}', '{"A":7}', '{"A":["b",7]}'])("takes no %s", (text) => {
  expect(decode(text)).toBeUndefined();
});

it.each([
  [1013, /as many direct calls as it takes/],
  [1006, noWebSocket],
])("says why nothing came of the server, by the code %d", async (code, why) => {
  const { onUnheard } = await connecting();
  FakeWebSocket.last.end(code);
  await vi.advanceTimersByTimeAsync(0);
  expect(onUnheard.mock.calls).toEqual([[expect.objectContaining({ text: expect.stringMatching(why) as string })]]);
});

it("gives a slow connection time to open", async () => {
  const { onSignal, onUnheard } = await connecting();
  await vi.advanceTimersByTimeAsync(14_000);
  FakeWebSocket.last.open();
  FakeWebSocket.last.say('{"NewUser":"me"}');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(onSignal).toHaveBeenCalledWith({ name: "NewUser", texts: ["me"] });
  expect(onUnheard).not.toHaveBeenCalled();
  expect(FakeWebSocket.made).toHaveLength(1);
});

it.each([
  ["in time", () => Promise.resolve(new Response("page")), late],
  ["not at all", () => Promise.reject(new TypeError("failed")), unreachable],
])("says that a connection did not open where pages come %s", async (_, answer, why) => {
  vi.stubGlobal("fetch", vi.fn(answer));
  const { onUnheard } = await connecting();
  await vi.advanceTimersByTimeAsync(15_000);
  expect(onUnheard.mock.calls).toEqual([[expect.objectContaining({ text: why })]]);
});

it("lets a connection come back, also while it is asked why the first attempt failed", async () => {
  let answer: (page: Response) => void = () => undefined;
  vi.stubGlobal("fetch", vi.fn().mockReturnValue(new Promise<Response>((resolve) => (answer = resolve))));
  const { onUnheard } = await connecting();
  FakeWebSocket.last.end(1006);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(FakeWebSocket.made).toHaveLength(2);
  FakeWebSocket.last.open();
  FakeWebSocket.last.say('{"NewUser":"me"}');
  answer(new Response("page"));
  await vi.advanceTimersByTimeAsync(0);
  FakeWebSocket.last.end(1013);
  await vi.advanceTimersByTimeAsync(0);
  expect(onUnheard).not.toHaveBeenCalled();
  expect(fetch).toHaveBeenCalledOnce();
});

it("asks nothing of the server when it is closed", async () => {
  const { signalling, onUnheard } = await connecting();
  signalling.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(fetch).not.toHaveBeenCalled();
  expect(onUnheard).not.toHaveBeenCalled();
  expect(FakeWebSocket.made).toHaveLength(1);
});

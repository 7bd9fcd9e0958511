import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Ending } from "../features/ended/ending";
import { serverTimeout, webSocketBlocked, serverUnreachable } from "../lib/api";
import { decode, encode, type Signal, Signalling } from "./signalling";

// partysocket copies events for its listeners in one way in browsers and in another in Node. It checks which one it runs in
// when it is loaded, so process.versions is replaced before that, to get the way of browsers.
vi.hoisted(() => {
  const { process } = globalThis as unknown as { process: object };
  vi.stubGlobal("process", Object.create(process, { versions: { value: {} } }));
});

/** FakeWebSocket replaces the WebSockets that partysocket opens. */
class FakeWebSocket extends EventTarget {
  static created: FakeWebSocket[] = [];
  static get last(): FakeWebSocket {
    const socket = FakeWebSocket.created.at(-1);
    if (!socket) throw new Error("no socket was created");
    return socket;
  }
  readyState = 0;

  constructor() {
    super();
    FakeWebSocket.created.push(this);
  }

  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  receive(data: string) {
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
  FakeWebSocket.created = [];
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  vi.stubGlobal("fetch", vi.fn().mockResolvedValue(new Response("page")));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** connecting creates a Signalling whose socket is not open yet. */
async function connecting() {
  const [onSignal, onNoResponse] = [vi.fn<(signal: Signal) => void>(), vi.fn<(ending: Ending) => void>()];
  const signalling = new Signalling(onSignal, onNoResponse);
  await vi.advanceTimersByTimeAsync(0);
  return { signalling, onSignal, onNoResponse };
}

it.each([
  ['"SessionNew"', { name: "SessionNew", texts: [] }],
  ['{"SessionJoin":"id"}', { name: "SessionJoin", texts: ["id"] }],
  ['{"VideoOffer":["v=0\\r\\n","id"]}', { name: "VideoOffer", texts: ["v=0\r\n", "id"] }],
])("encodes and decodes %s as serde does", (text, signal) => {
  expect(encode(signal)).toBe(text);
  expect(decode(text)).toEqual(signal);
});

it.each(["", "hello", "7", "null", "{}", '{"A":"b","C":"d"}', '{"A":7}', '{"A":["b",7]}'])("decodes %j as malformed", (text) => {
  expect(decode(text)).toBeUndefined();
});

it.each([
  [1013, /limit of direct calls/],
  [1006, webSocketBlocked],
])("reports why the server sent nothing when the socket closes with code %d", async (code, why) => {
  const { onNoResponse } = await connecting();
  FakeWebSocket.last.end(code);
  await vi.advanceTimersByTimeAsync(0);
  expect(onNoResponse.mock.calls).toEqual([[expect.objectContaining({ text: expect.stringMatching(why) as string })]]);
});

it("does not report a connection that takes 14 seconds to open", async () => {
  const { onSignal, onNoResponse } = await connecting();
  await vi.advanceTimersByTimeAsync(14_000);
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive('{"NewUser":"me"}');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(onSignal).toHaveBeenCalledWith({ name: "NewUser", texts: ["me"] });
  expect(onNoResponse).not.toHaveBeenCalled();
  expect(FakeWebSocket.created).toHaveLength(1);
});

it.each([
  ["answers in time", () => Promise.resolve(new Response("page")), serverTimeout],
  ["does not answer", () => Promise.reject(new TypeError("failed")), serverUnreachable],
])("reports a connection that did not open while the HTTP server %s", async (_, answer, why) => {
  vi.stubGlobal("fetch", vi.fn(answer));
  const { onNoResponse } = await connecting();
  await vi.advanceTimersByTimeAsync(15_000);
  expect(onNoResponse.mock.calls).toEqual([[expect.objectContaining({ text: why })]]);
});

it("reports nothing when it reconnects while the reason of the first failure is fetched", async () => {
  let answer: (page: Response) => void = () => undefined;
  vi.stubGlobal("fetch", vi.fn().mockReturnValue(new Promise<Response>((resolve) => (answer = resolve))));
  const { onNoResponse } = await connecting();
  FakeWebSocket.last.end(1006);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(FakeWebSocket.created).toHaveLength(2);
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive('{"NewUser":"me"}');
  answer(new Response("page"));
  await vi.advanceTimersByTimeAsync(0);
  FakeWebSocket.last.end(1013);
  await vi.advanceTimersByTimeAsync(0);
  expect(onNoResponse).not.toHaveBeenCalled();
  expect(fetch).toHaveBeenCalledOnce();
});

it("fetches no reason when it is closed", async () => {
  const { signalling, onNoResponse } = await connecting();
  signalling.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(fetch).not.toHaveBeenCalled();
  expect(onNoResponse).not.toHaveBeenCalled();
  expect(FakeWebSocket.created).toHaveLength(1);
});

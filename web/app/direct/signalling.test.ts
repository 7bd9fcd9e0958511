import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Ending } from "../call/ending";
import { noWebSocket } from "../lib/api";
import { decode, encode, Signalling } from "./signalling";

let socket: EventTarget;
vi.mock("partysocket", () => ({
  WebSocket: class extends EventTarget {
    constructor() {
      super();
      socket = this; // eslint-disable-line @typescript-eslint/no-this-alias
    }
  },
}));

beforeEach(() => {
  vi.stubGlobal("fetch", vi.fn().mockResolvedValue(new Response("page")));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

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
  [{ code: 1013 }, /as many direct calls as it takes/],
  [{ code: 1000, reason: "timeout" }, /did not answer in time/],
  [{ code: 1006 }, noWebSocket],
])("says why nothing came of the server: %j", async (how, why) => {
  const endings: Ending[] = [];
  new Signalling(() => undefined, (ending) => endings.push(ending));
  socket.dispatchEvent(new CloseEvent("close", how));
  await vi.waitFor(() => expect(endings).toHaveLength(1));
  expect(endings[0]?.text).toMatch(why);
});

it("lets a connection that has been there come back", async () => {
  const unheard = vi.fn();
  new Signalling(() => undefined, unheard);
  socket.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  socket.dispatchEvent(new MessageEvent("message", { data: '{"NewUser":"me"}' })); // meanwhile
  socket.dispatchEvent(new CloseEvent("close", { code: 1013 }));
  await new Promise((resolve) => setTimeout(resolve));
  expect(unheard).not.toHaveBeenCalled();
});

import { expect, it } from "vitest";
import { readMessage } from "./message";

const state = { name: "Bo", microphone: true, camera: false, screen: false };

it.each([{ state }, { chat: { id: "1", text: "hi", at: 1 } }, { bye: true }])("accepts %o", (message) => {
  expect(readMessage(message)).toEqual(message);
});

it("removes unknown fields, such as tracks", () => {
  expect(readMessage({ state: { ...state, tracks: "none" }, more: true })).toEqual({ state });
  expect(readMessage({ chat: { id: "1", text: "hi", at: 1, mine: true } })).toEqual({ chat: { id: "1", text: "hi", at: 1 } });
});

it.each([
  null,
  "bye",
  [],
  { bye: 1 },
  { state: { ...state, camera: "yes" } },
  { state: { ...state, name: "x".repeat(101) } },
  { chat: { id: "1", text: "x".repeat(4_001), at: 1 } },
  { chat: { id: "1", text: "hi", at: "now" } },
  { chat: { id: "1", text: "hi", at: Number.NaN } },
])("rejects %o", (message) => {
  expect(readMessage(message)).toBeUndefined();
});

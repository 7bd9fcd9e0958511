import { expect, it } from "vitest";
import { decode, encode } from "./signalling";

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

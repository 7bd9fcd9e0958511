import { expect, it } from "vitest";
import { parseSession, sessionText } from "./session";

it.each([
  ["abcdefgh23456767", "abcdefgh23456767"],
  ["  ABCD efgh-2345 6767 ", "abcdefgh23456767"],
  ["https://meet.example/direct/abcdefgh23456767?x#y", "abcdefgh23456767"],
  ["meet.example/direct/abcdefgh23456767", "abcdefgh23456767"],
  [" ", ""],
])("reads %s", (typed, id) => {
  expect(parseSession(typed)).toBe(id);
});

it("writes an id for reading out, and reads it again", () => {
  expect(sessionText("abcdefgh23456767")).toBe("abcd efgh 2345 6767");
  expect(parseSession(sessionText("abcdefgh23456767"))).toBe("abcdefgh23456767");
});

import { expect, it } from "vitest";
import { parseSession, sessionText } from "./session";

it.each([
  ["abcdefgh23456767", "abcdefgh23456767"],
  ["  ABCD efgh-2345 6767 ", "abcdefgh23456767"],
  ["https://meet.example/direct/abcdefgh23456767?x#y", "abcdefgh23456767"],
  ["meet.example/direct/abcdefgh23456767", "abcdefgh23456767"],
  [" ", ""],
])("parses the session in %j", (typed, id) => {
  expect(parseSession(typed)).toBe(id);
});

it("formats an id in groups of four that parse to the same id", () => {
  expect(sessionText("abcdefgh23456767")).toBe("abcd efgh 2345 6767");
  expect(parseSession(sessionText("abcdefgh23456767"))).toBe("abcdefgh23456767");
});

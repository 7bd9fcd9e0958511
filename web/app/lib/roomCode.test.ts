import { describe, expect, it } from "vitest";
import { parseRoom, roomPath } from "./roomCode";

describe("parseRoom", () => {
  it.each([
    ["abc-defg-hij", "abc-defg-hij"],
    ["  ABC-DEFG-HIJ ", "abc-defg-hij"],
    ["abcdefghij", "abc-defg-hij"],
    ["abc defg hij", "abc-defg-hij"],
    ["abc–defg–hij", "abc-defg-hij"],
    ["https://meet.example.org/rooms/abc-defg-hij", "abc-defg-hij"],
    ["https://meet.example.org/rooms/abc-defg-hij/?x=1#y", "abc-defg-hij"],
    ["meet.example.org/rooms/abc-defg-hij", "abc-defg-hij"],
    ["localhost:8080/rooms/standup", "standup"],
    ["/rooms/team%20room", "team room"],
    ["Team room", "Team room"],
    ["standup", "standup"],
    ["v1.2", "v1.2"],
    ["Besprechung Grün", "Besprechung Grün"],
    ["a/b", "a/b"],
    ["cafe\u0301\u200b", "caf\u00e9"],
    ["\ufeffabc-defg-hij", "abc-defg-hij"],
  ])("parses %j as %j", (input, room) => {
    expect(parseRoom(input)).toEqual({ room });
  });

  it.each([
    ["", /code or paste/],
    ["   ", /code or paste/],
    ["https://example.org/", /does not lead/],
    ["https://example.org", /does not lead/],
    ["https://example.org/about", /does not lead/],
    ["https://example.org/rooms/%E0%A4%A", /does not lead/],
    ["a\u0007b", /not allowed/],
    ["\u202eabc", /not allowed/],
    ["\u3164", /visible character/],
    ["/rooms/%E2%80%8B", /visible character/],
    ["x".repeat(257), /too long/],
    ["ü".repeat(129), /too long/],
  ])("explains why %j is refused", (input, problem) => {
    const parsed = parseRoom(input);
    expect("problem" in parsed && parsed.problem).toMatch(problem);
  });
});

it("escapes the room name in the path", () => {
  expect(roomPath("a b/ü?")).toBe("/rooms/a%20b%2F%C3%BC%3F");
});

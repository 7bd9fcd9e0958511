import { expect, it } from "vitest";
import { durationText, sinceText } from "./time";

const start = new Date("2026-03-01T10:00:00Z");

it.each([
  [-5, "just started"],
  [0, "just started"],
  [59, "just started"],
  [60, "for 1 min"],
  [3_599, "for 59 min"],
  [3_600, "for 1 h"],
  [4_800, "for 1 h 20 min"],
  [90_000, "for 25 h"],
])("returns the time since %i seconds ago as %j", (seconds, text) => {
  expect(sinceText(start, new Date(start.getTime() + seconds * 1000))).toBe(text);
});

it("returns just started for an invalid date", () => {
  expect(sinceText(new Date("?"), start)).toBe("just started");
});

it.each([
  [-1, "0 s"],
  [0, "0 s"],
  [45.4, "45 s"],
  [63, "1 min"],
  [720, "12 min"],
  [3_900, "1 h 5 min"],
])("returns the duration of %d seconds as %j", (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});

import { expect, it } from "vitest";
import { initials, personColour, personColours } from "./person";

it.each([
  ["Ada Lovelace", "AL"],
  ["ada", "A"],
  ["  Grace  Brewster   Hopper ", "GH"],
  ["Jean-Luc Picard", "JP"],
  ["émile zola", "ÉZ"],
  ["ελένη παππά", "ΕΠ"],
  ["李 小龙", "李小"],
  ["🦊 Fox", "🦊F"],
  ["(Bo)", "B"],
  ["user_42", "U4"],
  ["e\u0301mile", "E\u0301"],
  ["", "?"],
  ["!!!", "?"],
])("initials of %j are %j", (name, letters) => {
  expect(initials(name)).toBe(letters);
});

it("keeps a person's colour", () => {
  expect(personColour("Ada Lovelace")).toBe(personColour(" ada lovelace "));
});

it("uses every colour", () => {
  const used = new Set(Array.from({ length: 200 }, (_, i) => personColour(`person ${i}`)));
  expect(used.size).toBe(personColours);
});

import { expect, it } from "vitest";
import { initials, personColour, personColours } from "./avatar";

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
])("returns for %j the initials %j", (name, letters) => {
  expect(initials(name)).toBe(letters);
});

it("ignores case and outer spaces in the colour of a name", () => {
  expect(personColour("Ada Lovelace")).toBe(personColour(" ada lovelace "));
});

it("uses all colours", () => {
  const used = new Set(Array.from({ length: 200 }, (_, i) => personColour(`person ${i}`)));
  expect(used.size).toBe(personColours);
});

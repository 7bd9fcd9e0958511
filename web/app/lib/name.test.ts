import { expect, it } from "vitest";
import examples from "../../../internal/name/testdata/names.json";
import { shownName, unshowable } from "./name";

it.each(examples)("$what: the server and the pages show the same", ({ given, shown }) => {
  expect(shownName(given)).toBe(shown);
  expect(shownName(given.normalize("NFD"))).toBe(shown);
});

it.each(["a\0", "a\tb", "\u202eabc", "\u2066a\u2069", "a\u2028b", "\uf8ff", "\ufff9a", "a\ufffd", "\ud800", "\ufdd0"])("%j cannot be shown", (name) => {
  expect(unshowable.test(name)).toBe(true);
  expect(unshowable.test(shownName(name))).toBe(false);
});

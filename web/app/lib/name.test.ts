import { expect, it } from "vitest";
import examples from "../../../internal/name/testdata/names.json";
import { normalizeName, undisplayable } from "./name";

it.each(examples)("normalizes as the server does: $what", ({ given, shown }) => {
  expect(normalizeName(given)).toBe(shown);
  expect(normalizeName(given.normalize("NFD"))).toBe(shown);
});

it.each(["a\0", "a\tb", "\u202eabc", "\u2066a\u2069", "a\u2028b", "\uf8ff", "\ufff9a", "a\ufffd", "\ud800", "\ufdd0"])("removes the undisplayable character in %j", (name) => {
  expect(undisplayable.test(name)).toBe(true);
  expect(undisplayable.test(normalizeName(name))).toBe(false);
});

// Holds what tests measure against the limits that Meet intends. In the check, which may run on a busy machine, limits are
// three times as wide. With MEET_MEASURE set they are as intended, and each figure is appended to the file of that name;
// scripts/measure.sh does so. test/measure does the same for Go.
import { appendFileSync } from 'node:fs';
import { expect } from '@playwright/test';

const file = process.env.MEET_MEASURE;
const slack = file ? 1 : 3;

/** The longest time, in ms, that may be waited for something that is intended to take this long at most. */
export const limit = (ms) => ms * slack;

/** Fails unless a figure is under its limit. */
export function within(what, value, most) {
  note(what, value, `under ${most}`);
  expect(value, what).toBeLessThan(most * slack);
}

/** Fails unless a figure is over its limit. */
export function atLeast(what, value, least) {
  note(what, value, `over ${least}`);
  expect(value, what).toBeGreaterThan(least / slack);
}

function note(what, value, wanted) {
  console.log(`${what}: ${value}`);
  if (file) appendFileSync(file, `${what}\t${value}\t${wanted}\n`);
}

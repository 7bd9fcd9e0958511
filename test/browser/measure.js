// Compares measurements with Meet's limits. In the check, which may run on a busy machine, limits are three times as wide.
// If MEET_MEASURE names a file, as in scripts/measure.sh, the limits apply as they are and each measurement is appended to
// the file. test/measure does the same in Go.
import { appendFileSync } from 'node:fs';
import { expect } from '@playwright/test';

const file = process.env.MEET_MEASURE;
const slack = file ? 1 : 3;

/** Returns the time in ms to wait for something whose limit is the given time. */
export const limit = (ms) => ms * slack;

/** Fails unless a measurement is below its limit. */
export function within(what, value, max) {
  record(what, value, `under ${max}`);
  expect(value, what).toBeLessThan(max * slack);
}

/** Fails unless a measurement is above its limit. */
export function atLeast(what, value, min) {
  record(what, value, `over ${min}`);
  expect(value, what).toBeGreaterThan(min / slack);
}

function record(what, value, wanted) {
  console.log(`${what}: ${value}`);
  if (file) appendFileSync(file, `${what}\t${value}\t${wanted}\n`);
}

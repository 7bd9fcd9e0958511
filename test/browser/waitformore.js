// Waits for a number to increase, with timeouts that allow for a busy machine.
import { setTimeout as pause } from 'node:timers/promises';

/** How long the number may stay the same, in ms. */
const stallTimeout = 60_000;

/** How long reaching the goal may take in total, in ms, even if the number increases slowly. */
const totalTimeout = 180_000;

/**
 * Reads a number until it is greater than goal. It fails when the number has not changed for a minute, or after three
 * minutes.
 */
export async function waitForMore(goal, read, what) {
  const start = Date.now();
  for (let last, since = start; ; await pause(100)) {
    const number = await read();
    if (number > goal) return;
    if (number !== last) [last, since] = [number, Date.now()];
    if (Date.now() - since > stallTimeout) throw new Error(`${what}: ${number} for ${stallTimeout / 1000} s, want more than ${goal}`);
    if (Date.now() - start > totalTimeout) throw new Error(`${what}: ${number} after ${totalTimeout / 1000} s, want more than ${goal}`);
  }
}

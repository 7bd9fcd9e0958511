// Waiting for something that moves, however slowly a busy machine moves it.
import { setTimeout as pause } from 'node:timers/promises';

/** How long nothing may move, in ms. */
const patience = 60_000;

/** How long it may take in all, in ms: a picture that moves once a minute is no picture. */
const longest = 180_000;

/** Reads a number until it is greater than a goal. It fails once the number has not changed for a minute, or after three. */
export async function waitForMore(goal, read, what) {
  const began = Date.now();
  for (let last, since = began; ; await pause(100)) {
    const number = await read();
    if (number > goal) return;
    if (number !== last) [last, since] = [number, Date.now()];
    if (Date.now() - since > patience) throw new Error(`${what}: ${number} for ${patience / 1000} s, want more than ${goal}`);
    if (Date.now() - began > longest) throw new Error(`${what}: ${number} after ${longest / 1000} s, want more than ${goal}`);
  }
}

// Waiting for something that moves, however slowly a busy machine moves it.
import { setTimeout as pause } from 'node:timers/promises';

/** How long nothing may move, in ms. */
const patience = 60_000;

/** Reads a number until it is over a goal. It fails once the number has stood still for a minute, not before. */
export async function pass(goal, read, what) {
  for (let last, since = Date.now(); ; await pause(100)) {
    const now = await read();
    if (now > goal) return;
    if (now !== last) [last, since] = [now, Date.now()];
    else if (Date.now() - since > patience) throw new Error(`${what}: ${now} for ${patience / 1000} s, want more than ${goal}`);
  }
}

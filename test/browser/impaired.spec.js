// Calls over bad links: livekit-client on both sides, one of them behind a proxy that loses, reorders and delays.
import { callOver, sides } from './link.js';
import { test } from './livekit.js';
import { atLeast, within } from './measure.js';
import { watch } from './picture.js';

for (const { behind, whose, singlePeerConnection } of sides) {
  test(`loss, reordering and delay at ${whose}`, async ({ client, livekit }) => {
    const { link, ada, bo } = await callOver({ client, livekit, behind, singlePeerConnection });
    for (const [what, path, seconds, longest] of [
      ['2 % loss', { loss: 0.02 }, 10, 1000],
      ['10 % loss', { loss: 0.1 }, 10, 2000],
      ['5 % reordered', { reorder: 0.05 }, 6, 1000],
      ['200 ms delay', { delay_ms: 100 }, 8, 1000],
    ]) {
      await link.set({ up: path, down: path });
      const seen = await watch(bo, ada, seconds);
      console.log(`${what} at ${whose}: ${JSON.stringify(seen)}`);
      // What the source itself stood still, on a busy machine, is not the network's.
      within(`${what} at ${whose}: the longest stand, ms`, seen.longestGap - seen.sourceGap, longest);
      atLeast(`${what} at ${whose}: frames in ${seconds} s`, seen.frames, seconds * 3);
      within(`${what} at ${whose}: share of sound made up`, seen.concealed, 0.1);
    }
    await link.close();
  });
}

// Calls of livekit-client over bad links: one client is behind a proxy that drops, reorders and delays packets.
import { callOverImpairedLink, sides } from './impairedlink.js';
import { test } from './livekit.js';
import { atLeast, within } from './measure.js';
import { measureReception } from './testvideo.js';

for (const { behind, whose, singlePeerConnection } of sides) {
  test(`media continues under packet loss, reordering and delay at ${whose}`, async ({ client, livekit }) => {
    const { link, ada, bo } = await callOverImpairedLink({ client, livekit, behind, singlePeerConnection });
    for (const [what, impairment, seconds, longestFreeze] of [
      ['2 % loss', { loss: 0.02 }, 10, 1000],
      ['10 % loss', { loss: 0.1 }, 10, 2000],
      ['5 % reordered', { reorder: 0.05 }, 6, 1000],
      ['200 ms delay', { delay_ms: 100 }, 8, 1000],
    ]) {
      await link.set({ up: impairment, down: impairment });
      const received = await measureReception(bo, ada, seconds);
      console.log(`${what} at ${whose}: ${JSON.stringify(received)}`);
      // Freezes of the source, on a busy machine, are not caused by the network.
      within(`${what} at ${whose}: the longest freeze, ms`, received.longestGap - received.sourceGap, longestFreeze);
      atLeast(`${what} at ${whose}: frames in ${seconds} s`, received.frames, seconds * 3);
      within(`${what} at ${whose}: share of concealed audio`, received.concealed, 0.1);
    }
    await link.close();
  });
}

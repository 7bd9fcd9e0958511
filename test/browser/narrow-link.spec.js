// Calls over narrow links: livekit-client on both sides, one of them behind a proxy with a bottleneck.
import { callOver, sides } from './link.js';
import { expect, test } from './livekit.js';
import { atLeast, limit, within } from './measure.js';
import { newestWidth, watch } from './picture.js';

const kbit = 1000;

for (const { behind, whose, singlePeerConnection, soon } of sides) {
  test(`3 Mbit/s, 300 kbit/s and back at ${whose}`, async ({ client, livekit }) => {
    const { link, ada, bo } = await callOver({ client, livekit, behind, singlePeerConnection });
    const say = (what, seen) => console.log(`${what} at ${whose}: ${JSON.stringify(seen)}`);
    const set = (rate) => {
      const [narrow, other] = [{ rate, delay_ms: 20 }, { delay_ms: 20 }];
      return link.set(behind === 'Bo' ? { down: narrow, up: other } : { up: narrow, down: other });
    };
    await set(3000 * kbit);
    say('3 Mbit/s', await watch(bo, ada, 5));
    await expect.poll(() => newestWidth(bo), 'the best layer over 3 Mbit/s').toBe(960);

    await set(300 * kbit);
    // How long the fall takes is only told: what is in the link's queue has to go, and the key frame of noise, which has
    // the bits of a second, may be lost in it. Upwards the browser decides.
    say('falling', await watch(bo, ada, 5));
    await expect(async () => {
      const seen = await watch(bo, ada, 10);
      say('300 kbit/s', seen);
      expect(seen.width, 'a small layer').toBeLessThan(480);
      atLeast(`300 kbit/s at ${whose}: frames in 10 s`, seen.frames, 80);
      within(`300 kbit/s at ${whose}: the longest stand, ms`, seen.longestGap - seen.sourceGap, 1000);
      within(`300 kbit/s at ${whose}: share of sound made up`, seen.concealed, 0.1);
    }).toPass({ timeout: limit(25_000) });

    await set(3000 * kbit);
    const since = Date.now();
    await expect.poll(() => newestWidth(bo), { message: 'the best layer again', timeout: limit(60_000) }).toBe(960);
    const back = Date.now() - since;
    say('3 Mbit/s again', { back, ...(await watch(bo, ada, 3)) });
    within(`3 Mbit/s again at ${whose}: ms until full quality was back`, back, soon);
    await link.close();
  });
}

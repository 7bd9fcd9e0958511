// Calls of livekit-client over slow links: one client is behind a proxy that limits the bitrate.
import { callOverImpairedLink, sides } from './impairedlink.js';
import { expect, test } from './livekit.js';
import { atLeast, limit, within } from './measure.js';
import { newestFrameWidth, measureReception } from './testvideo.js';

const kbit = 1000;

for (const { behind, whose, singlePeerConnection, recoveryTime } of sides) {
  test(`video adapts when the link changes from 3 Mbit/s to 300 kbit/s and back at ${whose}`, async ({ client, livekit }) => {
    const { link, ada, bo } = await callOverImpairedLink({ client, livekit, behind, singlePeerConnection });
    const log = (what, received) => console.log(`${what} at ${whose}: ${JSON.stringify(received)}`);
    const setRate = (rate) => {
      const [limited, unlimited] = [{ rate, delay_ms: 20 }, { delay_ms: 20 }];
      return link.set(behind === 'Bo' ? { down: limited, up: unlimited } : { up: limited, down: unlimited });
    };
    await setRate(3000 * kbit);
    log('3 Mbit/s', await measureReception(bo, ada, 5));
    await expect.poll(() => newestFrameWidth(bo), 'the best layer over 3 Mbit/s').toBe(960);

    await setRate(300 * kbit);
    // The time of the transition is logged without a limit: first the link's queue has to drain, and the key frame, which
    // takes a second to send because the video is noise, may be lost in it. Upstream the browser controls the bitrate.
    log('transition', await measureReception(bo, ada, 5));
    await expect(async () => {
      const received = await measureReception(bo, ada, 10);
      log('300 kbit/s', received);
      expect(received.width, 'a small layer').toBeLessThan(480);
      atLeast(`300 kbit/s at ${whose}: frames in 10 s`, received.frames, 80);
      within(`300 kbit/s at ${whose}: the longest freeze, ms`, received.longestGap - received.sourceGap, 1000);
      within(`300 kbit/s at ${whose}: share of concealed audio`, received.concealed, 0.1);
    }).toPass({ timeout: limit(25_000) });

    await setRate(3000 * kbit);
    const since = Date.now();
    await expect.poll(() => newestFrameWidth(bo), { message: 'the best layer again', timeout: limit(60_000) }).toBe(960);
    const recovery = Date.now() - since;
    log('3 Mbit/s again', { recovery, ...(await measureReception(bo, ada, 3)) });
    within(`3 Mbit/s again at ${whose}: ms to full quality`, recovery, recoveryTime);
    await link.close();
  });
}

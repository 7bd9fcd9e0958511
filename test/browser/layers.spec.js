// Spatial and temporal layers of every codec, as livekit-client publishes and asks for them.
import { expect, test } from './livekit.js';

const resolution = { width: 960, height: 540, frameRate: 20 };
const videoEncoding = { maxBitrate: 1_500_000, maxFramerate: 20 };

/** Changes what Bo asks of the one video there is: quality 0 to 2, or frames a second. */
function ask(bo, wish) {
  return bo.evaluate((wish) => {
    const [publication] = [...room.remoteParticipants.values()][0].videoTrackPublications.values();
    if (wish.quality !== undefined) publication.setVideoQuality(wish.quality);
    if (wish.fps !== undefined) publication.setVideoFPS(wish.fps);
  }, wish);
}

for (const [codec, options] of [
  ['vp8', { simulcast: true }],
  ['h264', { simulcast: true }],
  ['vp9', { scalabilityMode: 'L3T3_KEY' }],
  ['vp9', { scalabilityMode: 'L2T2' }],
  ['av1', { scalabilityMode: 'L3T3_KEY' }],
  ['av1', { scalabilityMode: 'L3T3' }],
]) {
  test(`${codec} ${options.scalabilityMode ?? 'simulcast'}: the size follows what is asked for`, async ({ client }) => {
    const ada = await client('Ada');
    await ada.publishCamera({ videoCodec: codec, backupCodec: false, videoEncoding, ...options }, resolution);
    const bo = await client('Bo');
    await bo.sees('Ada');
    const height = async () => (await bo.inbound()).frameHeight;
    await expect.poll(height, 'all of it').toBe(540);
    await ask(bo, { quality: 0 });
    await expect.poll(height, 'the smallest').toBeLessThanOrEqual(270);
    await bo.sees('Ada', 'the smallest moves');
    await ask(bo, { quality: 2 });
    await expect.poll(height, 'all of it again').toBe(540);
    await bo.sees('Ada', 'all of it moves');
  });
}

for (const [codec, options] of [
  ['vp8', { simulcast: true }], // each stream in three temporal layers
  ['vp9', { scalabilityMode: 'L1T3' }],
  ['av1', { scalabilityMode: 'L1T3' }],
]) {
  test(`${codec} ${options.scalabilityMode ?? 'simulcast'}: the frame rate follows what is asked for`, async ({ client }) => {
    const ada = await client('Ada');
    await ada.publishCamera({ videoCodec: codec, backupCodec: false, videoEncoding, ...options }, resolution);
    const bo = await client('Bo');
    await bo.sees('Ada');
    const rate = async () => {
      const [a, b] = [await bo.inbound(), await new Promise((r) => setTimeout(r, 1000)).then(() => bo.inbound())];
      return ((b.framesDecoded - a.framesDecoded) * 1000) / (b.timestamp - a.timestamp);
    };
    await expect.poll(rate, 'all frames').toBeGreaterThan(7);
    const full = await rate();
    await ask(bo, { fps: 3 });
    await expect.poll(rate, 'a quarter of them').toBeLessThan(full / 2);
    await bo.sees('Ada', 'it moves');
    await ask(bo, { fps: 60 });
    await expect.poll(rate, 'all frames again').toBeGreaterThan(full * 0.7);
  });
}

// Spatial and temporal layers of every codec, as livekit-client publishes and requests them.
import { expect, test } from './livekit.js';

const resolution = { width: 960, height: 540, frameRate: 20 };
const videoEncoding = { maxBitrate: 1_500_000, maxFramerate: 20 };

/** Requests a quality from 0 to 2, or a frame rate, of the only video in the room. */
function request(bo, wanted) {
  return bo.evaluate((wanted) => {
    const [publication] = [...room.remoteParticipants.values()][0].videoTrackPublications.values();
    if (wanted.quality !== undefined) publication.setVideoQuality(wanted.quality);
    if (wanted.fps !== undefined) publication.setVideoFPS(wanted.fps);
  }, wanted);
}

for (const [codec, options] of [
  ['vp8', { simulcast: true }],
  ['h264', { simulcast: true }],
  ['vp9', { scalabilityMode: 'L3T3_KEY' }],
  ['vp9', { scalabilityMode: 'L2T2' }],
  ['av1', { scalabilityMode: 'L3T3_KEY' }],
  ['av1', { scalabilityMode: 'L3T3' }],
]) {
  test(`${codec} ${options.scalabilityMode ?? 'simulcast'}: the frame size follows the requested quality`, async ({ client }) => {
    const ada = await client('Ada');
    await ada.publishCamera({ videoCodec: codec, backupCodec: false, videoEncoding, ...options }, resolution);
    const bo = await client('Bo');
    await bo.sees('Ada');
    const height = async () => (await bo.inbound()).frameHeight;
    await expect.poll(height, 'the full size').toBe(540);
    await request(bo, { quality: 0 });
    await expect.poll(height, 'the smallest size').toBeLessThanOrEqual(270);
    await bo.sees('Ada', 'video plays at the smallest size');
    await request(bo, { quality: 2 });
    await expect.poll(height, 'the full size again').toBe(540);
    await bo.sees('Ada', 'video plays at the full size');
  });
}

for (const [codec, options] of [
  ['vp8', { simulcast: true }], // each stream in three temporal layers
  ['vp9', { scalabilityMode: 'L1T3' }],
  ['av1', { scalabilityMode: 'L1T3' }],
]) {
  test(`${codec} ${options.scalabilityMode ?? 'simulcast'}: the frame rate follows the requested rate`, async ({ client }) => {
    const ada = await client('Ada');
    await ada.publishCamera({ videoCodec: codec, backupCodec: false, videoEncoding, ...options }, resolution);
    const bo = await client('Bo');
    await bo.sees('Ada');
    const rate = async () => {
      const [a, b] = [await bo.inbound(), await new Promise((r) => setTimeout(r, 1000)).then(() => bo.inbound())];
      return ((b.framesDecoded - a.framesDecoded) * 1000) / (b.timestamp - a.timestamp);
    };
    await expect.poll(rate, 'the full frame rate').toBeGreaterThan(7);
    const full = await rate();
    await request(bo, { fps: 3 });
    await expect.poll(rate, 'a reduced frame rate').toBeLessThan(full / 2);
    await bo.sees('Ada', 'video plays at the reduced frame rate');
    await request(bo, { fps: 60 });
    await expect.poll(rate, 'the full frame rate again').toBeGreaterThan(full * 0.7);
  });
}

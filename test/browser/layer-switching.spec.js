// Layers that are sent and received follow what subscribers request, without freezes. The time to a key frame is measured.
import { expect, modes, test } from './livekit.js';
import { limit, within } from './measure.js';

const publication = 'globalThis.publication = () => [...room.remoteParticipants.values()].flatMap((p) => [...p.trackPublications.values()])[0]';
const large = { width: 1280, height: 720, frameRate: 10 };

for (const [mode, singlePeerConnection] of modes) {
  test(`the received layer follows the requested quality and size over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options: { singlePeerConnection } });
    await ada.publishCamera({ simulcast: true }, large);
    const bo = await client('Bo', { options: { singlePeerConnection }, prepare: publication });
    const width = async () => (await bo.inbound()).frameWidth;
    await expect.poll(width, 'the largest layer at first').toBe(1280);
    await bo.evaluate(() => publication().setVideoQuality(LivekitClient.VideoQuality.LOW));
    await expect.poll(width, 'low quality').toBe(320);
    await bo.evaluate(() => publication().setVideoQuality(LivekitClient.VideoQuality.MEDIUM));
    await expect.poll(width, 'medium quality').toBe(640);
    await bo.evaluate(() => publication().setVideoDimensions({ width: 300, height: 170 }));
    await expect.poll(width, 'small dimensions').toBe(320);
    await bo.evaluate(() => publication().setVideoDimensions({ width: 1280, height: 720 }));
    await expect.poll(width, 'full dimensions').toBe(1280);
    within('freezes by layer switches', (await bo.inbound()).freezeCount, 1);

    await bo.evaluate(() => publication().setEnabled(false));
    await expect
      .poll(async () => {
        const { framesReceived } = await bo.inbound();
        await bo.page.waitForTimeout(500); // five frame intervals
        return (await bo.inbound()).framesReceived - framesReceived;
      }, 'no frames arrive while the track is disabled')
      .toBe(0);
    await bo.evaluate(() => publication().setEnabled(true));
    await bo.sees('Ada', 'Bo sees Ada when the track is enabled again');
  });
}

/** Returns what the page sends of its one published track: the rids of the active layers, and the total bytes so far. */
const sending = (client) =>
  client.evaluate(async () => {
    const [{ track }] = room.localParticipant.videoTrackPublications.values();
    const layers = [...(await track.getRTCStatsReport()).values()].filter((s) => s.type === 'outbound-rtp');
    const rids = layers.filter((s) => s.active).map((s) => s.rid);
    return { rids: rids.sort().join(), bytes: layers.reduce((sum, s) => sum + s.bytesSent + s.headerBytesSent, 0) };
  });

/**
 * Calls a method of the publication and returns the time in ms to its first frame, which is a key frame. It gives up after
 * a minute.
 */
const firstFrame = (client, method) =>
  client.evaluate(async (method) => {
    const frames = async () => {
      const stats = [...((await publication().track?.getRTCStatsReport())?.values() ?? [])];
      return stats.find((s) => s.type === 'inbound-rtp')?.framesReceived ?? 0;
    };
    const before = method === 'setEnabled' ? await frames() : 0;
    const start = performance.now();
    publication()[method](true);
    while ((await frames()) <= before && performance.now() - start < 60_000) await new Promise((r) => setTimeout(r, 5));
    return performance.now() - start;
  }, method);

test('layers without a viewer are not encoded', async ({ client }) => {
  const ada = await client('Ada', { options: { dynacast: true } });
  const active = async () => (await sending(ada)).rids;
  const expectNoLayers = async (reason) => {
    await expect.poll(active, { message: reason, timeout: limit(10_000) }).toBe('');
    await ada.page.waitForTimeout(100); // the encoder's last frame may still be queued
    const { bytes } = await sending(ada);
    await ada.page.waitForTimeout(1000);
    expect((await sending(ada)).bytes - bytes, `${reason}: bytes sent in a second`).toBe(0);
  };
  await ada.publishCamera({ simulcast: true }, large);
  await expect.poll(active, 'all layers at first').toBe('f,h,q');
  await expectNoLayers('no subscriber');
  const bo = await client('Bo', { options: { singlePeerConnection: false }, prepare: publication });
  await expect.poll(active, 'all layers for a subscriber with a large element').toBe('f,h,q');
  await bo.sees('Ada');
  for (const method of ['setEnabled', 'setSubscribed']) {
    let took = Infinity;
    for (let tries = 0; tries < 3 && took >= limit(300); tries++) { // a single delay may be caused by the browsers
      await bo.evaluate((method) => publication()[method](false), method);
      await expectNoLayers(method);
      took = await firstFrame(bo, method);
    }
    within(`${method}: ms to a key frame`, Math.round(took), 300);
    await bo.sees('Ada');
    expect(await bo.evaluate(() => [...room.remoteParticipants.values()][0].connectionQuality), 'a paused track does not count as lost').not.toBe('lost');
  }
});

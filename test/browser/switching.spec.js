// What is sent and received follows what is watched, without a frozen picture. How soon is measured.
import { expect, modes, test } from './livekit.js';
import { limit, within } from './measure.js';

const publication = 'globalThis.publication = () => [...room.remoteParticipants.values()].flatMap((p) => [...p.trackPublications.values()])[0]';
const large = { width: 1280, height: 720, frameRate: 10 };

for (const [mode, singlePeerConnection] of modes) {
  test(`layers follow what is shown, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options: { singlePeerConnection } });
    await ada.publishCamera({ simulcast: true }, large);
    const bo = await client('Bo', { options: { singlePeerConnection }, prepare: publication });
    const width = async () => (await bo.inbound()).frameWidth;
    await expect.poll(width, 'the largest at first').toBe(1280);
    await bo.evaluate(() => publication().setVideoQuality(LivekitClient.VideoQuality.LOW));
    await expect.poll(width, 'low quality').toBe(320);
    await bo.evaluate(() => publication().setVideoQuality(LivekitClient.VideoQuality.MEDIUM));
    await expect.poll(width, 'medium quality').toBe(640);
    await bo.evaluate(() => publication().setVideoDimensions({ width: 300, height: 170 }));
    await expect.poll(width, 'small dimensions').toBe(320);
    await bo.evaluate(() => publication().setVideoDimensions({ width: 1280, height: 720 }));
    await expect.poll(width, 'full dimensions').toBe(1280);
    within('pictures that a switch froze', (await bo.inbound()).freezeCount, 1);

    await bo.evaluate(() => publication().setEnabled(false));
    await expect
      .poll(async () => {
        const { framesReceived } = await bo.inbound();
        await bo.page.waitForTimeout(500); // the least time between two frames is a fifth of it
        return (await bo.inbound()).framesReceived - framesReceived;
      }, 'nothing comes while it is switched off')
      .toBe(0);
    await bo.evaluate(() => publication().setEnabled(true));
    await bo.sees('Ada', 'it comes back');
  });
}

/** What a page's one published track sends: the rids of its active layers, and all bytes so far. */
const sending = (client) =>
  client.evaluate(async () => {
    const [{ track }] = room.localParticipant.videoTrackPublications.values();
    const layers = [...(await track.getRTCStatsReport()).values()].filter((s) => s.type === 'outbound-rtp');
    const rids = layers.filter((s) => s.active).map((s) => s.rid);
    return { rids: rids.sort().join(), bytes: layers.reduce((sum, s) => sum + s.bytesSent + s.headerBytesSent, 0) };
  });

/** Milliseconds from a call of the publication's method to its first frame, which is a key frame; a minute if none comes. */
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

test('layers nobody watches are not encoded', async ({ client }) => {
  const ada = await client('Ada', { options: { dynacast: true } });
  const active = async () => (await sending(ada)).rids;
  const isOff = async (why) => {
    await expect.poll(active, { message: why, timeout: limit(10_000) }).toBe('');
    await ada.page.waitForTimeout(100); // the encoder's last frame may wait for its turn
    const { bytes } = await sending(ada);
    await ada.page.waitForTimeout(1000);
    expect((await sending(ada)).bytes - bytes, `${why}: bytes sent in a second`).toBe(0);
  };
  await ada.publishCamera({ simulcast: true }, large);
  await expect.poll(active, 'all layers at first').toBe('f,h,q');
  await isOff('nobody is there');
  const bo = await client('Bo', { options: { singlePeerConnection: false }, prepare: publication });
  await expect.poll(active, 'all for somebody who shows it large').toBe('f,h,q');
  await bo.sees('Ada');
  for (const method of ['setEnabled', 'setSubscribed']) {
    let took = Infinity;
    for (let tries = 0; tries < 3 && took >= limit(300); tries++) { // the browsers themselves may be held up once
      await bo.evaluate((method) => publication()[method](false), method);
      await isOff(method);
      took = await firstFrame(bo, method);
    }
    within(`${method}: ms to a key frame`, Math.round(took), 300);
    await bo.sees('Ada');
    expect(await bo.evaluate(() => [...room.remoteParticipants.values()][0].connectionQuality), 'silence is no loss').not.toBe('lost');
  }
});

// Firefox and Chromium in one room, both with LiveKit's own livekit-client.
import { launchFirefox } from './firefox.js';
import { enter, expect, modes, roomOf, test as base } from './livekit.js';

const test = base.extend({
  firefox: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const browser = await launchFirefox();
      await use(browser);
      await browser.close();
    },
    { scope: 'worker' },
  ],
  /** Joins from Firefox as the fixture `client` does from Chromium. */
  fox: async ({ firefox, livekit }, use, info) => {
    const pages = [];
    await use(async (identity, joining = {}) => {
      const page = await firefox.newPage();
      pages.push(page);
      return enter(page, livekit, identity, { room: roomOf(info), ...joining });
    });
    for (const page of pages) await page.close();
  },
});

const microphone = (client) => client.evaluate(() => room.localParticipant.setMicrophoneEnabled(true).then(() => {}));

for (const [mode, singlePeerConnection] of modes) {
  test(`Firefox and Chromium meet over ${mode}`, async ({ client, fox }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options });
    const bo = await fox('Bo', { options });
    await ada.publishCamera({ videoCodec: 'vp8', simulcast: true });
    await microphone(ada);
    await bo.publishCamera({ videoCodec: 'vp8', simulcast: true });
    await microphone(bo);
    await ada.sees('Bo');
    await ada.hears('Bo');
    await bo.sees('Ada');
    await bo.hears('Ada');

    // Chromium sends redundancy, which Firefox does not take: it gets plain Opus.
    const mime = () => bo.evaluate(() => room.remoteParticipants.get('Ada').audioTrackPublications.values().next().value.mimeType);
    expect(await mime()).toBe('audio/red');
    expect((await bo.inbound('audio', 'Ada')).codec).toBe('audio/opus');

    for (const [from, to] of [[ada, bo], [bo, ada]]) {
      await to.evaluate(() => {
        globalThis.heard = [];
        room.on('dataReceived', (data) => globalThis.heard.push(new TextDecoder().decode(data)));
      });
      await from.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode('hello'), { reliable: true }));
      await expect.poll(() => to.evaluate(() => globalThis.heard), `${to.identity} reads ${from.identity}`).toEqual(['hello']);
    }

    await bo.evaluate(() => room.localParticipant.setMicrophoneEnabled(false).then(() => {}));
    const muted = () => ada.evaluate(() => room.remoteParticipants.get('Bo').audioTrackPublications.values().next().value.isMuted);
    await expect.poll(muted, 'Ada sees Bo muted').toBe(true);

    // A second picture, as of a screen; what a screen is, neither browser can be asked without one.
    await bo.evaluate(async () => {
      const { Track } = globalThis.LivekitClient;
      const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
      const pen = canvas.getContext('2d');
      setInterval(() => {
        pen.fillStyle = `hsl(${Date.now() % 360} 80% 50%)`;
        pen.fillRect(0, 0, 640, 360);
      }, 100);
      const [track] = canvas.captureStream(10).getVideoTracks();
      await room.localParticipant.publishTrack(track, { source: Track.Source.ScreenShare, videoCodec: 'vp8' });
    });
    const shared = () =>
      ada.evaluate(async () => {
        const { Track } = globalThis.LivekitClient;
        const track = room.remoteParticipants.get('Bo').getTrackPublication(Track.Source.ScreenShare)?.track;
        const stats = track ? [...(await track.getRTCStatsReport()).values()] : [];
        return stats.find((s) => s.type === 'inbound-rtp')?.framesDecoded ?? 0;
      });
    await expect.poll(shared, 'Ada sees the screen of Bo').toBeGreaterThan(5);
  });
}

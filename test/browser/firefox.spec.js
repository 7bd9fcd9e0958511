// Firefox and Chromium in one room, both with livekit-client.
import { launchFirefox } from './firefox.js';
import { joinRoom, expect, modes, roomNameFor, test as base } from './livekit.js';

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
  /** Joins a room from Firefox. The fixture `client` does the same from Chromium. */
  firefoxClient: async ({ firefox, livekit }, use, info) => {
    const pages = [];
    await use(async (identity, joining = {}) => {
      const page = await firefox.newPage();
      pages.push(page);
      return joinRoom(page, livekit, identity, { room: roomNameFor(info), ...joining });
    });
    for (const page of pages) await page.close();
  },
});

const microphone = (client) => client.evaluate(() => room.localParticipant.setMicrophoneEnabled(true).then(() => {}));

for (const [mode, singlePeerConnection] of modes) {
  test(`Firefox and Chromium exchange audio, video and data over ${mode}`, async ({ client, firefoxClient }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options });
    const bo = await firefoxClient('Bo', { options });
    await ada.publishCamera({ videoCodec: 'vp8', simulcast: true });
    await microphone(ada);
    await bo.publishCamera({ videoCodec: 'vp8', simulcast: true });
    await microphone(bo);
    await ada.sees('Bo');
    await ada.hears('Bo');
    await bo.sees('Ada');
    await bo.hears('Ada');

    // Chromium sends RED, which Firefox does not support, so it gets plain Opus.
    const mime = () => bo.evaluate(() => room.remoteParticipants.get('Ada').audioTrackPublications.values().next().value.mimeType);
    expect(await mime()).toBe('audio/red');
    expect((await bo.inbound('audio', 'Ada')).codec).toBe('audio/opus');

    for (const [from, to] of [[ada, bo], [bo, ada]]) {
      await to.evaluate(() => {
        globalThis.received = [];
        room.on('dataReceived', (data) => globalThis.received.push(new TextDecoder().decode(data)));
      });
      await from.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode('hello'), { reliable: true }));
      await expect.poll(() => to.evaluate(() => globalThis.received), `${to.identity} reads ${from.identity}`).toEqual(['hello']);
    }

    await bo.evaluate(() => room.localParticipant.setMicrophoneEnabled(false).then(() => {}));
    const muted = () => ada.evaluate(() => room.remoteParticipants.get('Bo').audioTrackPublications.values().next().value.isMuted);
    await expect.poll(muted, 'Ada sees Bo muted').toBe(true);

    // A canvas in place of a shared screen, because there is no screen to capture.
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
    const screenFrames = () =>
      ada.evaluate(async () => {
        const { Track } = globalThis.LivekitClient;
        const track = room.remoteParticipants.get('Bo').getTrackPublication(Track.Source.ScreenShare)?.track;
        const stats = track ? [...(await track.getRTCStatsReport()).values()] : [];
        return stats.find((s) => s.type === 'inbound-rtp')?.framesDecoded ?? 0;
      });
    await expect.poll(screenFrames, 'Ada receives the screen of Bo').toBeGreaterThan(5);
  });
}

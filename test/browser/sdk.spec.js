// LiveKit's own livekit-client, unmodified and without our pages: each codec, each way of connecting.
import { fileURLToPath } from 'node:url';
import { expect, test } from './meet.js';

const library = fileURLToPath(new URL('../../web/app/node_modules/livekit-client/dist/livekit-client.umd.js', import.meta.url));

/** Opens a page of this server with the library loaded and joined to a room. */
async function join(browser, server, name, room, options) {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${server.url}/healthz`);
  await page.addScriptTag({ path: library });
  const details = await (await fetch(`${server.url}/api/connection-details?roomName=${room}&participantName=${name}`)).json();
  await page.evaluate(
    async ([details, options]) => {
      const { Room, RoomEvent } = globalThis.LivekitClient;
      globalThis.room = new Room({ adaptiveStream: false, dynacast: false, ...options });
      room.on(RoomEvent.TrackSubscribed, (track) => document.body.append(track.attach()));
      await room.connect(details.serverUrl, details.participantToken);
    },
    [details, options],
  );
  return page;
}

/** Codec and decoded frames of the video that arrives. */
const inbound = (page) =>
  page.evaluate(async () => {
    for (const participant of room.remoteParticipants.values()) {
      for (const { track } of participant.trackPublications.values()) {
        if (track?.kind !== 'video') continue;
        const stats = [...(await track.getRTCStatsReport()).values()];
        const rtp = stats.find((s) => s.type === 'inbound-rtp');
        return { frames: rtp?.framesDecoded ?? 0, codec: stats.find((s) => s.id === rtp?.codecId)?.mimeType };
      }
    }
    return { frames: 0 };
  });

for (const [mode, singlePeerConnection] of [['one connection', true], ['two connections', false]]) {
  for (const codec of ['vp8', 'h264', 'vp9', 'av1']) {
    test(`${codec} over ${mode}`, async ({ browser, server }) => {
      const room = `${codec}-${singlePeerConnection}`;
      const ada = await join(browser, server, 'Ada', room, { singlePeerConnection });
      await ada.evaluate(async (codec) => {
        const { createLocalVideoTrack, Track } = globalThis.LivekitClient;
        const track = await createLocalVideoTrack({ resolution: { width: 640, height: 360, frameRate: 10 } });
        await room.localParticipant.publishTrack(track, { videoCodec: codec, backupCodec: false, source: Track.Source.Camera });
      }, codec);
      const bo = await join(browser, server, 'Bo', room, { singlePeerConnection });
      await expect.poll(async () => (await inbound(bo)).frames, 'frames are decoded').toBeGreaterThan(10);
      expect((await inbound(bo)).codec?.toLowerCase()).toBe(`video/${codec}`);
      for (const page of [ada, bo]) await page.context().close();
    });
  }
}

test('sound is sent with redundancy and heard', async ({ browser, server }) => {
  const ada = await join(browser, server, 'Ada', 'red', {});
  await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
  const bo = await join(browser, server, 'Bo', 'red', {});
  const audio = () =>
    bo.evaluate(async () => {
      for (const participant of room.remoteParticipants.values()) {
        for (const publication of participant.trackPublications.values()) {
          const stats = publication.track ? [...(await publication.track.getRTCStatsReport()).values()] : [];
          return { mime: publication.mimeType, energy: stats.find((s) => s.type === 'inbound-rtp')?.totalAudioEnergy ?? 0 };
        }
      }
      return { energy: 0 };
    });
  await expect.poll(async () => (await audio()).energy, 'sound arrives').toBeGreaterThan(1e-4);
  expect((await audio()).mime).toBe('audio/red');
  for (const page of [ada, bo]) await page.context().close();
});

test('layers nobody watches are not encoded', async ({ browser, server }) => {
  const ada = await join(browser, server, 'Ada', 'dynacast', { dynacast: true });
  await ada.evaluate(async () => {
    const { createLocalVideoTrack, Track } = globalThis.LivekitClient;
    const track = await createLocalVideoTrack({ resolution: { width: 1280, height: 720, frameRate: 10 } });
    await room.localParticipant.publishTrack(track, { simulcast: true, source: Track.Source.Camera });
  });
  const active = () =>
    ada.evaluate(async () => {
      const [publication] = room.localParticipant.trackPublications.values();
      const stats = [...(await publication.track.getRTCStatsReport()).values()];
      return stats.filter((s) => s.type === 'outbound-rtp' && s.active).map((s) => s.rid).sort().join();
    });
  await expect.poll(active, 'all layers at first').toBe('f,h,q');
  await expect.poll(active, 'alone, the smallest').toBe('q');
  const bo = await join(browser, server, 'Bo', 'dynacast', {});
  await expect.poll(active, 'all for somebody who shows it large').toBe('f,h,q');
  await expect.poll(async () => (await inbound(bo)).frames, 'frames are decoded').toBeGreaterThan(10);
  for (const page of [ada, bo]) await page.context().close();
});

// LiveKit's own livekit-client publishes and receives: each codec, each way of connecting.
import { expect, modes, test } from './livekit.js';

for (const [mode, singlePeerConnection] of modes) {
  for (const codec of ['vp8', 'h264', 'vp9', 'av1']) {
    test(`${codec} over ${mode}`, async ({ client }) => {
      const ada = await client('Ada', { options: { singlePeerConnection } });
      await ada.publishCamera({ videoCodec: codec, backupCodec: false });
      const bo = await client('Bo', { options: { singlePeerConnection } });
      await bo.sees('Ada');
      expect((await bo.inbound()).codec).toBe(`video/${codec}`);
    });
  }
}

test('sound is sent with redundancy and heard', async ({ client }) => {
  const ada = await client('Ada');
  await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
  const bo = await client('Bo');
  await bo.hears('Ada');
  const mime = await bo.evaluate(() => [...room.remoteParticipants.values()][0].audioTrackPublications.values().next().value.mimeType);
  expect(mime).toBe('audio/red');
});

test('layers nobody watches are not encoded', async ({ client }) => {
  const ada = await client('Ada', { options: { dynacast: true } });
  await ada.publishCamera({ simulcast: true }, { width: 1280, height: 720, frameRate: 10 });
  const active = () =>
    ada.evaluate(async () => {
      const [publication] = room.localParticipant.trackPublications.values();
      const stats = [...(await publication.track.getRTCStatsReport()).values()];
      return stats.filter((s) => s.type === 'outbound-rtp' && s.active).map((s) => s.rid).sort().join();
    });
  await expect.poll(active, 'all layers at first').toBe('f,h,q');
  await expect.poll(active, 'alone, the smallest').toBe('q');
  const bo = await client('Bo');
  await expect.poll(active, 'all for somebody who shows it large').toBe('f,h,q');
  await bo.sees('Ada');
});

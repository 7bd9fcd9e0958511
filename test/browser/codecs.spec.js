// livekit-client publishes and receives every codec in both connection modes.
import { expect, modes, test } from './livekit.js';

for (const [mode, singlePeerConnection] of modes) {
  for (const codec of ['vp8', 'h264', 'vp9', 'av1']) {
    test(`${codec} video is published and received over ${mode}`, async ({ client }) => {
      const ada = await client('Ada', { options: { singlePeerConnection } });
      await ada.publishCamera({ videoCodec: codec, backupCodec: false });
      const bo = await client('Bo', { options: { singlePeerConnection } });
      await bo.sees('Ada');
      expect((await bo.inbound()).codec).toBe(`video/${codec}`);
    });
  }
}

test('audio is published as RED and received', async ({ client }) => {
  const ada = await client('Ada');
  await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
  const bo = await client('Bo');
  await bo.hears('Ada');
  const mime = await bo.evaluate(() => [...room.remoteParticipants.values()][0].audioTrackPublications.values().next().value.mimeType);
  expect(mime).toBe('audio/red');
});

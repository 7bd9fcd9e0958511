// Backup codecs of livekit-client: a track in VP9 or AV1 is also published in VP8 once a subscriber needs that.
import { expect, modes, test } from './livekit.js';

/** Runs in the page: removes VP9 and AV1 from the SDP of its peer connections, as in a browser without those codecs. */
const withoutNewCodecs = () => {
  const strip = (sdp) => {
    const lines = sdp.split('\r\n');
    const removed = new Set();
    for (const line of lines) {
      const m = /^a=rtpmap:(\d+) (VP9|AV1)\//i.exec(line);
      if (m) removed.add(m[1]);
    }
    for (const line of lines) {
      const m = /^a=fmtp:(\d+) apt=(\d+)/.exec(line);
      if (m && removed.has(m[2])) removed.add(m[1]);
    }
    return lines
      .filter((line) => !removed.has(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(line)?.[1]))
      .map((line) => (line.startsWith('m=video') ? line.split(' ').filter((word, i) => i < 3 || !removed.has(word)).join(' ') : line))
      .join('\r\n');
  };
  const { createOffer, setRemoteDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.createOffer = async function (...args) {
    const offer = await createOffer.apply(this, args);
    return { type: offer.type, sdp: strip(offer.sdp) };
  };
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const { type, sdp } = description;
    return setRemoteDescription.call(this, type === 'offer' ? { type, sdp: strip(sdp) } : description);
  };
};

/** Returns the codecs in which the page sends its one published track. */
const sentCodecs = (client) =>
  client.evaluate(async () => {
    const codecs = new Set();
    const [publication] = room.localParticipant.trackPublications.values();
    const senders = [publication.track.sender, ...[...publication.track.simulcastCodecs.values()].map((c) => c.sender)];
    for (const sender of senders.filter(Boolean)) {
      const stats = [...(await sender.getStats()).values()];
      for (const s of stats) if (s.type === 'outbound-rtp' && s.active) codecs.add(stats.find((c) => c.id === s.codecId)?.mimeType?.toLowerCase());
    }
    return [...codecs].filter(Boolean).sort().join();
  });

for (const [mode, singlePeerConnection] of modes) {
  for (const codec of ['vp9', 'av1']) {
    test(`a subscriber that cannot decode ${codec} gets the vp8 backup over ${mode}`, async ({ client }) => {
      const options = { singlePeerConnection };
      const ada = await client('Ada', { options });
      const bo = await client('Bo', { options });
      await ada.publishCamera({ videoCodec: codec, backupCodec: { codec: 'vp8' }, backupCodecPolicy: 1 });
      await bo.sees('Ada');
      await expect.poll(() => sentCodecs(ada), 'the backup is not encoded without a subscriber that needs it').toBe(`video/${codec}`);
      const cy = await client('Cy', { options, prepare: withoutNewCodecs });
      await cy.sees('Ada');
      expect((await cy.inbound()).codec).toBe('video/vp8');
      await bo.sees('Ada');
      expect((await bo.inbound()).codec).toBe(`video/${codec}`);
      expect(await sentCodecs(ada)).toBe(['video/vp8', `video/${codec}`].sort().join());
      await cy.page.close();
      await expect.poll(() => sentCodecs(ada), 'the backup ends when its subscriber leaves').toBe(`video/${codec}`);
    });
  }

  test(`a small room switches to vp8 when one participant needs it, over ${mode}`, async ({ client }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options });
    const bo = await client('Bo', { options });
    await ada.publishCamera({ videoCodec: 'vp9', backupCodec: { codec: 'vp8' } });
    await bo.sees('Ada');
    expect((await bo.inbound()).codec).toBe('video/vp9');
    const cy = await client('Cy', { options, prepare: withoutNewCodecs });
    await cy.sees('Ada');
    await expect.poll(async () => (await bo.inbound()).codec, 'Bo is switched to vp8').toBe('video/vp8');
    await bo.sees('Ada', 'Bo still sees Ada');
    await expect.poll(() => sentCodecs(ada), 'only vp8 is encoded').toBe('video/vp8');
    // Mute and unmute apply to the codec that is sent.
    await ada.evaluate(() => room.localParticipant.setCameraEnabled(false));
    await expect.poll(() => cy.events()).toContain('trackMuted');
    await ada.evaluate(() => room.localParticipant.setCameraEnabled(true));
    await bo.sees('Ada', 'Bo sees Ada unmuted');
    await cy.sees('Ada', 'Cy sees Ada unmuted');
  });
}

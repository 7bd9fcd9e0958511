// Calls that are encrypted end to end, by livekit-client and its worker: the server passes on what it cannot read.
import { expect, modes, test } from './livekit.js';

for (const [mode, singlePeerConnection] of modes) {
  test(`encrypted end to end over ${mode}`, async ({ client }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options, key: 'our secret' });
    await ada.publishCamera({ videoCodec: 'vp8', simulcast: false });
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    const bo = await client('Bo', { options, key: 'our secret' });
    const eve = await client('Eve', { options, key: 'a guess' });
    await bo.sees('Ada');
    await bo.hears('Ada');
    expect(await bo.evaluate(() => [...room.remoteParticipants.values()].find((p) => p.identity === 'Ada').isEncrypted)).toBe(true);

    // Eve gets the same packets and can make nothing of them.
    await expect.poll(async () => (await eve.inbound('video', 'Ada')).packetsReceived, 'the picture reaches Eve').toBeGreaterThan(30);
    await expect.poll(async () => (await eve.inbound('audio', 'Ada')).packetsReceived, 'the sound reaches Eve').toBeGreaterThan(30);
    await expect.poll(() => eve.events(), 'Eve is told').toContain('encryptionError');
    expect((await eve.inbound('video', 'Ada')).framesDecoded ?? 0, 'frames Eve decodes').toBe(0);
    expect((await eve.inbound('audio', 'Ada')).totalAudioEnergy ?? 0, 'energy Eve hears').toBeLessThan(1e-6);
  });

  test(`the server's own frames on an encrypted call over ${mode}`, async ({ client }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options, key: 'our secret' });
    const bo = await client('Bo', { options, key: 'our secret' });
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    await ada.publishCamera({ videoCodec: 'vp8', simulcast: false });
    await bo.hears('Ada');
    await bo.sees('Ada');
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(false));
    await expect.poll(() => bo.events(), 'Bo sees the mute').toContain('trackMuted');
    // The second of silence comes, ends with the trailer, and Bo's worker knows it for what it is.
    const packets = async () => (await bo.inbound('audio', 'Ada')).packetsReceived;
    const before = await packets();
    await expect.poll(packets, 'silence comes').toBeGreaterThan(before + 10);
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    await bo.hears('Ada', 'Bo hears Ada again');
    await ada.evaluate(() => room.localParticipant.setCameraEnabled(false));
    await ada.evaluate(() => room.localParticipant.unpublishTrack(room.localParticipant.getTrackPublication('camera').track));
    await expect.poll(() => bo.events(), 'the camera goes').toContain('trackUnpublished');
    expect(await bo.events()).not.toContain('encryptionError');
  });

  test(`encrypted data over ${mode}`, async ({ client }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options, key: 'our secret' });
    const bo = await client('Bo', { options, key: 'our secret' });
    const cy = await client('Cy', { options }); // has no key
    for (const guest of [bo, cy]) {
      await guest.evaluate(() => {
        globalThis.heard = [];
        const { RoomEvent } = globalThis.LivekitClient;
        room.on(RoomEvent.DataReceived, (data) => heard.push(new TextDecoder().decode(data)));
      });
    }
    await expect.poll(() => ada.evaluate(() => room.remoteParticipants.size)).toBe(2);
    await ada.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode('between us'), { reliable: true }));
    await expect.poll(() => bo.evaluate(() => globalThis.heard), 'Bo reads it').toEqual(['between us']);
    await ada.evaluate(() => room.setE2EEEnabled(false));
    await expect.poll(() => ada.evaluate(() => room.isE2EEEnabled), 'the worker has taken note').toBe(false);
    await ada.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode('for all'), { reliable: true }));
    await expect.poll(() => cy.evaluate(() => globalThis.heard), 'Cy reads what is open, and that alone').toEqual(['for all']);
  });
}

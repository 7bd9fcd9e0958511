// End-to-end encryption by livekit-client and its worker. The server forwards media and data that it cannot decrypt.
import { expect, modes, test } from './livekit.js';

for (const [mode, singlePeerConnection] of modes) {
  test(`end-to-end encrypted media is decoded only with the key, over ${mode}`, async ({ client }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options, key: 'our secret' });
    await ada.publishCamera({ videoCodec: 'vp8', simulcast: false });
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    const bo = await client('Bo', { options, key: 'our secret' });
    const eve = await client('Eve', { options, key: 'a guess' });
    await bo.sees('Ada');
    await bo.hears('Ada');
    expect(await bo.evaluate(() => [...room.remoteParticipants.values()].find((p) => p.identity === 'Ada').isEncrypted)).toBe(true);

    // Eve receives the same packets and cannot decode them.
    await expect.poll(async () => (await eve.inbound('video', 'Ada')).packetsReceived, 'video packets reach Eve').toBeGreaterThan(30);
    await expect.poll(async () => (await eve.inbound('audio', 'Ada')).packetsReceived, 'audio packets reach Eve').toBeGreaterThan(30);
    await expect.poll(() => eve.events(), 'Eve gets an error event').toContain('encryptionError');
    expect((await eve.inbound('video', 'Ada')).framesDecoded ?? 0, 'frames decoded by Eve').toBe(0);
    expect((await eve.inbound('audio', 'Ada')).totalAudioEnergy ?? 0, 'audio energy at Eve').toBeLessThan(1e-6);
  });

  test(`frames made by the server cause no decryption error over ${mode}`, async ({ client }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options, key: 'our secret' });
    const bo = await client('Bo', { options, key: 'our secret' });
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    await ada.publishCamera({ videoCodec: 'vp8', simulcast: false });
    await bo.hears('Ada');
    await bo.sees('Ada');
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(false));
    await expect.poll(() => bo.events(), 'Bo sees the mute').toContain('trackMuted');
    // The server sends a second of silence with the trailer, by which Bo's worker recognises unencrypted frames.
    const packets = async () => (await bo.inbound('audio', 'Ada')).packetsReceived;
    const before = await packets();
    await expect.poll(packets, 'silence arrives').toBeGreaterThan(before + 10);
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    await bo.hears('Ada', 'Bo hears Ada again');
    await ada.evaluate(() => room.localParticipant.setCameraEnabled(false));
    await ada.evaluate(() => room.localParticipant.unpublishTrack(room.localParticipant.getTrackPublication('camera').track));
    await expect.poll(() => bo.events(), 'the camera is unpublished').toContain('trackUnpublished');
    expect(await bo.events()).not.toContain('encryptionError');
  });

  test(`encrypted data packets are read only with the key, over ${mode}`, async ({ client }) => {
    const options = { singlePeerConnection };
    const ada = await client('Ada', { options, key: 'our secret' });
    const bo = await client('Bo', { options, key: 'our secret' });
    const cy = await client('Cy', { options }); // has no key
    for (const guest of [bo, cy]) {
      await guest.evaluate(() => {
        globalThis.received = [];
        const { RoomEvent } = globalThis.LivekitClient;
        room.on(RoomEvent.DataReceived, (data) => received.push(new TextDecoder().decode(data)));
      });
    }
    await expect.poll(() => ada.evaluate(() => room.remoteParticipants.size)).toBe(2);
    await ada.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode('between us'), { reliable: true }));
    await expect.poll(() => bo.evaluate(() => globalThis.received), 'Bo reads it').toEqual(['between us']);
    await ada.evaluate(() => room.setE2EEEnabled(false));
    await expect.poll(() => ada.evaluate(() => room.isE2EEEnabled), 'encryption is off').toBe(false);
    await ada.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode('for all'), { reliable: true }));
    await expect.poll(() => cy.evaluate(() => globalThis.received), 'Cy reads only the unencrypted packet').toEqual(['for all']);
  });
}

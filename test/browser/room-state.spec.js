// The state of a room as livekit-client sees it: participants, their attributes and permissions.
import { expect, modes, test, TrackSource } from './livekit.js';

const remote = (client, identity) =>
  client.evaluate((identity) => {
    const p = room.remoteParticipants.get(identity);
    return p && { name: p.name, metadata: p.metadata, attributes: p.attributes, kind: p.kind };
  }, identity);

for (const [mode, singlePeerConnection] of modes) {
  const options = { singlePeerConnection };

  test(`changes of name, metadata and attributes reach other participants over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options, metadata: 'from the token', attributes: { role: 'host' } });
    const bo = await client('Bo', { options });
    expect(await remote(bo, 'Ada')).toMatchObject({ name: 'Ada', metadata: 'from the token', attributes: { role: 'host' } });
    await ada.evaluate(async () => {
      for (const name of ['Bob ', 'Jose\u0301', 'A  B', 'Ada  L. ']) await room.localParticipant.setName(name);
      await room.localParticipant.setMetadata('{"mood":"good"}');
      await room.localParticipant.setAttributes({ role: '', hand: 'up' });
    });
    await expect.poll(() => remote(bo, 'Ada')).toMatchObject({ name: 'Ada L.', metadata: '{"mood":"good"}', attributes: { hand: 'up' } });
    expect((await remote(bo, 'Ada')).attributes, 'an empty value removes the attribute').not.toHaveProperty('role');
    for (const event of ['participantNameChanged', 'participantMetadataChanged', 'participantAttributesChanged']) expect(await bo.events()).toContain(event);
    const tooMuch = await ada.evaluate(() => room.localParticipant.setMetadata('x'.repeat(600_000)).then(() => 'accepted', (e) => e.message));
    expect(tooMuch).toContain('at most 524288');
  });

  test(`actions without permission are rejected over ${mode}`, async ({ client }) => {
    const bo = await client('Bo', { options, grant: { canUpdateOwnMetadata: false, canPublish: false } });
    const outcome = (f) => bo.evaluate(f);
    expect(await outcome(() => room.localParticipant.setName('Bob').then(() => 'accepted', (e) => e.message))).toContain('may not change');
    expect(await outcome(() => room.localParticipant.setMicrophoneEnabled(true).then(() => 'accepted', () => 'refused'))).toBe('refused');
    expect(await outcome(() => room.localParticipant.permissions.canPublish)).toBe(false);
    const cy = await client('Cy', { options, grant: { canPublishSources: [TrackSource.MICROPHONE] } });
    expect(await cy.evaluate(() => room.localParticipant.setCameraEnabled(true).then(() => 'accepted', () => 'refused'))).toBe('refused');
    await cy.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    await bo.hears('Cy');
  });

  test(`a hidden participant receives media and is invisible to others over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    await ada.publishCamera();
    const eve = await client('Eve', { options, grant: { hidden: true, canPublish: false } });
    await eve.sees('Ada');
    const bo = await client('Bo', { options });
    await bo.sees('Ada');
    expect(await remote(ada, 'Eve')).toBeUndefined();
    expect(await remote(bo, 'Eve')).toBeUndefined();
    expect(await ada.events()).not.toContain('participantActive:Eve');
  });

  test(`a second participant with the same identity replaces the first over ${mode}`, async ({ client }) => {
    const first = await client('Ada', { options });
    const bo = await client('Bo', { options });
    const second = await client('Ada', { options });
    const reason = () => first.evaluate(() => roomEvents.find((e) => e.name === 'disconnected')?.args[0]);
    await expect.poll(reason).toBe(2); // DUPLICATE_IDENTITY
    expect(await second.evaluate(() => room.state)).toBe('connected');
    expect(await bo.evaluate(() => [...room.remoteParticipants.keys()])).toEqual(['Ada']);
    await second.publishCamera();
    await bo.sees('Ada');
  });
}

test('connection quality is reported as excellent on a good link', async ({ client }) => {
  const ada = await client('Ada');
  const bo = await client('Bo');
  await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
  await bo.hears('Ada');
  await expect.poll(() => bo.evaluate(() => room.remoteParticipants.get('Ada').connectionQuality)).toBe('excellent');
  await expect.poll(() => bo.evaluate(() => room.localParticipant.connectionQuality)).toBe('excellent');
});

test('a participant that disconnects is removed for the others', async ({ client }) => {
  const ada = await client('Ada');
  const bo = await client('Bo');
  await expect.poll(() => ada.evaluate(() => room.remoteParticipants.size)).toBe(1);
  await bo.evaluate(() => room.disconnect());
  await expect.poll(() => ada.evaluate(() => room.remoteParticipants.size)).toBe(0);
  expect(await ada.events()).toContain('participantDisconnected');
});

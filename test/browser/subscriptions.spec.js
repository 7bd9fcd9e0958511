// livekit-client chooses the tracks that it receives and who may receive its own.
import { expect, modes, test } from './livekit.js';

const publication = 'globalThis.publication = () => [...room.remoteParticipants.values()].flatMap((p) => [...p.trackPublications.values()])[0]';
const large = { width: 1280, height: 720, frameRate: 10 };

for (const [mode, singlePeerConnection] of modes) {
  const options = { singlePeerConnection };

  test(`tracks arrive only while they are subscribed to, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    await ada.publishCamera();
    const bo = await client('Bo', { options, prepare: publication, connect: { autoSubscribe: false } });
    await expect.poll(() => bo.evaluate(() => publication()?.kind)).toBe('video');
    expect(await bo.evaluate(() => publication().isSubscribed)).toBe(false);
    for (let round = 1; round <= 3; round++) {
      await bo.evaluate(() => publication().setSubscribed(true));
      await bo.sees('Ada', `round ${round}`);
      await bo.evaluate(() => publication().setSubscribed(false));
      await expect.poll(() => bo.evaluate(() => publication().isSubscribed), `round ${round}`).toBe(false);
    }
  });

  test(`a track is muted, unpublished and published again over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    const bo = await client('Bo', { options, prepare: publication });
    for (let round = 1; round <= 2; round++) {
      await ada.evaluate(() => Promise.all([room.localParticipant.setCameraEnabled(true), room.localParticipant.setMicrophoneEnabled(true)]));
      await bo.sees('Ada', `round ${round}`);
      await bo.hears('Ada', `round ${round}`);
      expect(await ada.events(), 'the publisher is notified of a subscriber').toContain('localTrackSubscribed');
      await ada.evaluate(() => room.localParticipant.setCameraEnabled(false));
      await expect.poll(() => bo.events()).toContain('trackMuted');
      await ada.evaluate(() => room.localParticipant.setCameraEnabled(true));
      await bo.sees('Ada', `unmuted, round ${round}`);
      await ada.evaluate(async () => {
        for (const { track } of [...room.localParticipant.trackPublications.values()]) await room.localParticipant.unpublishTrack(track);
      });
      await expect.poll(() => bo.evaluate(() => publication() === undefined), 'the tracks are unpublished').toBe(true);
    }
  });

  test(`a screen is shared with its audio over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    const bo = await client('Bo', { options });
    await ada.evaluate(() => room.localParticipant.setScreenShareEnabled(true, { audio: true }));
    const sources = () => bo.evaluate(() => [...[...room.remoteParticipants.values()][0].trackPublications.values()].filter((p) => p.track).map((p) => p.source).sort());
    await expect.poll(sources).toContain('screen_share');
    const published = await ada.evaluate(() => [...room.localParticipant.trackPublications.values()].map((p) => p.source).sort());
    await expect.poll(sources).toEqual(published);
    await expect.poll(async () => (await bo.inbound()).framesDecoded ?? 0).toBeGreaterThan(2);
  });

  test(`track permissions limit who can subscribe, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    await ada.publishCamera();
    const [bo, cy] = [await client('Bo', { options, prepare: publication }), await client('Cy', { options, prepare: publication })];
    await Promise.all([bo.sees('Ada'), cy.sees('Ada')]);
    await ada.evaluate(() => room.localParticipant.setTrackSubscriptionPermissions(false, [{ participantIdentity: 'Bo', allowAll: true }]));
    await expect.poll(() => cy.evaluate(() => publication().permissionStatus)).toBe('not_allowed');
    await expect.poll(() => cy.evaluate(() => publication().isSubscribed)).toBe(false);
    await bo.sees('Ada', 'Bo still sees Ada');
    const di = await client('Di', { options, prepare: publication });
    await expect.poll(() => di.evaluate(() => publication()?.permissionStatus), 'a later participant is denied too').toBe('not_allowed');
    await ada.evaluate(() => room.localParticipant.setTrackSubscriptionPermissions(true));
    await Promise.all([cy.sees('Ada'), di.sees('Ada')]);
  });
}

test('an adaptive stream receives the layer that fits its element, and nothing while hidden', async ({ client }) => {
  const ada = await client('Ada');
  await ada.publishCamera({ simulcast: true }, large);
  const bo = await client('Bo', { options: { adaptiveStream: true } });
  await expect.poll(() => bo.evaluate(() => document.querySelector('video') !== null)).toBe(true);
  const size = (css) => bo.evaluate((css) => (document.querySelector('video').style.cssText = css), css);
  const width = async () => (await bo.inbound()).frameWidth;
  await size('width: 240px; height: 135px');
  await expect.poll(width, 'a small element').toBe(320);
  await size('width: 1200px; height: 675px');
  await expect.poll(width, 'a large element').toBe(1280);
  await size('display: none');
  await expect
    .poll(async () => {
      const { framesReceived } = await bo.inbound();
      await bo.page.waitForTimeout(500);
      return (await bo.inbound()).framesReceived - framesReceived;
    }, 'a hidden element')
    .toBe(0);
  await size('width: 240px; height: 135px');
  await bo.sees('Ada');
});

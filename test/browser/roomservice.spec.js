// RoomService requests that change participants, as livekit-client sees their effects.
import { RoomServiceClient } from 'livekit-server-sdk';

import { expect, modes, test } from './livekit.js';

for (const [mode, singlePeerConnection] of modes) {
  const options = { singlePeerConnection };
  const apiOf = ({ url, key, secret }) => new RoomServiceClient(url.replace(/^ws/, 'http'), key, secret);

  test(`MoveParticipant moves a connected participant to another room over ${mode}`, async ({ client, livekit }) => {
    const api = apiOf(livekit);
    const [here, there] = [`here-${Date.now()}`, `there-${Date.now()}`];
    const ada = await client('Ada', { options, room: here });
    const bo = await client('Bo', { options, room: here });
    const cy = await client('Cy', { options, room: there });
    await ada.publishCamera();
    await cy.publishCamera();
    await bo.sees('Ada');
    await api.moveParticipant(here, 'Ada', there);
    await cy.sees('Ada');
    await ada.sees('Cy');
    await expect.poll(() => bo.evaluate(() => room.remoteParticipants.size), 'Bo is alone').toBe(0);
    expect(await ada.evaluate(() => room.name)).toBe(there);
    const events = await ada.events();
    expect(events).toContain('moved');
    expect(events).not.toContain('reconnecting');
    expect(events).not.toContain('disconnected');
    // In the new room Ada can resume, publish and join again as any participant of it.
    await ada.evaluate(() => room.simulateScenario('signal-reconnect'));
    await expect.poll(() => ada.events(), 'Ada resumes').toContain('signalReconnecting');
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    await cy.hears('Ada');
    await ada.evaluate(() => room.simulateScenario('full-reconnect'));
    await expect.poll(() => ada.events(), 'Ada joins again').toContain('reconnected');
    expect(await ada.evaluate(() => room.name), 'by its refreshed token').toBe(there);
    await cy.sees('Ada');
    await api.moveParticipant(there, 'Ada', here);
    await bo.sees('Ada', 'Bo sees Ada moved back');
  });

  test(`ForwardParticipant shows a participant in two rooms over ${mode}`, async ({ client, livekit }) => {
    const api = apiOf(livekit);
    const [here, there] = [`from-${Date.now()}`, `to-${Date.now()}`];
    const ada = await client('Ada', { options, room: here });
    const bo = await client('Bo', { options, room: here });
    const cy = await client('Cy', { options, room: there });
    await ada.publishCamera({ simulcast: true });
    await api.forwardParticipant(here, 'Ada', there);
    await bo.sees('Ada');
    await cy.sees('Ada');
    await api.removeParticipant(there, 'Ada');
    await expect.poll(() => cy.evaluate(() => room.remoteParticipants.size), 'Ada is removed from the second room').toBe(0);
    await bo.sees('Ada', 'Bo still sees Ada in the first room');
  });

  test(`RoomService mutes, restricts and removes a participant over ${mode}`, async ({ client, livekit }) => {
    const api = apiOf(livekit);
    const name = `rights-${Date.now()}`;
    const ada = await client('Ada', { options, room: name });
    const bo = await client('Bo', { options, room: name });
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    await ada.publishCamera();
    await bo.hears('Ada');
    const sid = await ada.evaluate(() => [...room.localParticipant.audioTrackPublications.values()][0].trackSid);
    await api.mutePublishedTrack(name, 'Ada', sid, true);
    await expect.poll(() => ada.evaluate(() => room.localParticipant.isMicrophoneEnabled), 'Ada is muted').toBe(false);
    await expect.poll(() => bo.evaluate(() => room.remoteParticipants.get('Ada').isMicrophoneEnabled), 'Bo sees it').toBe(false);
    await ada.evaluate(() => room.localParticipant.setMicrophoneEnabled(true));
    await bo.hears('Ada', 'Bo hears Ada after she has unmuted herself');

    await api.updateParticipant(name, 'Ada', { permission: { canSubscribe: true, canPublish: false } });
    await expect.poll(() => ada.evaluate(() => room.localParticipant.permissions.canPublish), 'Ada is notified').toBe(false);
    await expect.poll(() => ada.evaluate(() => room.localParticipant.trackPublications.size), 'the tracks of Ada are unpublished').toBe(0);
    await expect.poll(() => bo.evaluate(() => room.remoteParticipants.get('Ada').trackPublications.size), 'and removed at Bo').toBe(0);

    await api.removeParticipant(name, 'Ada');
    await expect.poll(() => ada.events(), 'Ada is disconnected').toContain('disconnected');
    expect(await ada.evaluate(() => room.state)).toBe('disconnected');
  });
}

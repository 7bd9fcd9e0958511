// RoomService by LiveKit's server SDK for Node. Participants of the client SDK observe the effects.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AudioFrame, AudioSource, LocalAudioTrack, Room, RoomEvent, TrackPublishOptions, TrackSource } from '@livekit/rtc-node';
import { DataPacket_Kind, RoomServiceClient } from 'livekit-server-sdk';

import { client, eventually, mint, newRoom, refused, server, uncalledMethods } from './server.js';

const text = (data) => new TextDecoder().decode(data);

/** Joins a room and records received data, room events and the participants whose tracks are subscribed to. */
async function join(t, name, identity, token, autoSubscribe = true) {
  const room = new Room();
  const guest = { room, data: [], events: [], subscribed: new Set() };
  room.on(RoomEvent.DataReceived, (data, from, kind, topic) => guest.data.push(`${from?.identity ?? 'server'} ${topic ?? ''}: ${text(data)}`));
  room.on(RoomEvent.TrackSubscribed, (track, publication, participant) => guest.subscribed.add(participant.identity));
  room.on(RoomEvent.TrackUnsubscribed, (track, publication, participant) => guest.subscribed.delete(participant.identity));
  room.on(RoomEvent.Moved, () => guest.events.push('moved'));
  room.on(RoomEvent.Disconnected, (reason) => guest.events.push(`disconnected ${reason}`));
  t.after(() => room.disconnect());
  await room.connect(server.url, token ?? (await mint(name, identity)), { autoSubscribe, dynacast: false });
  return guest;
}

/** Publishes a tone until the test ends. */
async function publishTone(t, room) {
  const source = new AudioSource(48_000, 1);
  const track = LocalAudioTrack.createAudioTrack('mic', source);
  const publication = await room.localParticipant.publishTrack(track, new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }));
  let running = true;
  const playing = (async () => {
    const samples = Int16Array.from({ length: 480 }, (_, i) => 8000 * Math.sin((2 * Math.PI * i) / 48));
    while (running) await source.captureFrame(new AudioFrame(samples, 48_000, 1, samples.length));
  })();
  t.after(async () => {
    running = false;
    await playing;
  });
  return publication;
}

test('RoomService creates, lists, changes and deletes a room', async (t) => {
  const api = client(RoomServiceClient);
  const name = newRoom();
  const made = await api.createRoom({ name, emptyTimeout: 60, departureTimeout: 5, maxParticipants: 4, metadata: 'first', nodeId: 'ND_x' });
  assert.match(made.sid, /^RM_/);
  assert.equal(made.emptyTimeout, 60);
  assert.equal(made.departureTimeout, 5);
  assert.equal(made.maxParticipants, 4);
  const again = await api.createRoom({ name, metadata: 'second' });
  assert.equal(again.sid, made.sid);
  assert.equal(again.metadata, 'first');
  assert.deepEqual((await api.listRooms([name, 'none'])).map((r) => r.sid), [made.sid]);
  assert.ok((await api.listRooms()).some((r) => r.name === name));

  const ada = await join(t, name, 'ada');
  assert.equal(ada.room.metadata, 'first');
  assert.equal((await api.updateRoomMetadata(name, 'third')).metadata, 'third');
  await eventually(() => ada.room.metadata === 'third', 'the metadata');
  await api.deleteRoom(name);
  await eventually(() => ada.events.length > 0, 'the disconnect');
  await refused(() => api.deleteRoom(name), 'not_found', 404);
  await refused(() => api.updateRoomMetadata(name, ''), 'not_found', 404);
});

test('RoomService lists, changes and removes participants', async (t) => {
  const api = client(RoomServiceClient);
  const name = newRoom();
  assert.deepEqual(await api.listParticipants(name), []);
  const token = await mint(name, 'ada');
  const ada = await join(t, name, 'ada', token);
  const bo = await join(t, name, 'bo');
  assert.deepEqual((await api.listParticipants(name)).map((p) => p.identity), ['ada', 'bo']);
  assert.equal((await api.getParticipant(name, 'ada')).sid, ada.room.localParticipant.sid);
  await refused(() => api.getParticipant(name, 'cy'), 'not_found', 404);

  const changed = await api.updateParticipant(name, 'ada', { name: 'Countess', metadata: 'm', attributes: { hand: 'up' } });
  assert.equal(changed.name, 'Countess');
  const seen = () => bo.room.remoteParticipants.get('ada');
  await eventually(() => seen()?.name === 'Countess' && seen().metadata === 'm' && seen().attributes.hand === 'up', 'the changes');

  await api.removeParticipant(name, 'ada');
  await eventually(() => ada.events.length > 0 && !seen(), 'the removal');
  await assert.rejects(new Room().connect(server.url, token, { autoSubscribe: true, dynacast: false }));
  await refused(() => api.removeParticipant(name, 'ada'), 'not_found', 404);
});

test('RoomService mutes a track, subscribes a participant to it, and revoking canPublish ends it', async (t) => {
  const api = client(RoomServiceClient);
  const name = newRoom();
  const ada = await join(t, name, 'ada');
  const bo = await join(t, name, 'bo');
  const mic = await publishTone(t, ada.room);
  await eventually(() => bo.subscribed.has('ada'), 'the subscription to ada');

  const publication = () => bo.room.remoteParticipants.get('ada')?.trackPublications.get(mic.sid);
  const muted = await api.mutePublishedTrack(name, 'ada', mic.sid, true);
  assert.equal(muted.sid, mic.sid);
  assert.equal(muted.muted, true);
  await eventually(() => publication()?.muted, 'the mute');
  await refused(() => api.mutePublishedTrack(name, 'ada', mic.sid, false), 'failed_precondition', 412);
  await refused(() => api.mutePublishedTrack(name, 'ada', 'TR_none', true), 'not_found', 404);

  const dee = await join(t, name, 'dee', undefined, false);
  await api.updateSubscriptions(name, 'dee', [mic.sid], true);
  await eventually(() => dee.subscribed.has('ada'), 'the subscription');
  await refused(() => api.updateSubscriptions(name, 'cy', [mic.sid], true), 'not_found', 404);

  await api.updateParticipant(name, 'ada', { permission: { canSubscribe: true, canPublish: false, canPublishData: true } });
  await eventually(() => !publication(), 'the end of the publication');
});

test('MoveParticipant moves a connected participant to another room', async (t) => {
  const api = client(RoomServiceClient);
  const [here, there] = [newRoom(), newRoom()];
  const ada = await join(t, here, 'ada');
  const bo = await join(t, here, 'bo');
  const cy = await join(t, there, 'cy');
  await publishTone(t, ada.room);
  await publishTone(t, cy.room);
  await eventually(() => bo.subscribed.has('ada'), 'bo to subscribe to ada');
  await api.moveParticipant(here, 'ada', there);
  await eventually(() => cy.subscribed.has('ada') && ada.subscribed.has('cy'), () => `ada and cy to subscribe to each other: ${[...ada.subscribed]} ${[...cy.subscribed]} ${ada.events}`);
  await eventually(() => !bo.room.remoteParticipants.has('ada'), 'ada to be removed for bo');
  assert.equal(ada.room.name, there);
  assert.deepEqual(ada.events, ['moved']);
  await ada.room.localParticipant.publishData(new TextEncoder().encode('hi'), { reliable: true });
  await eventually(() => cy.data.includes('ada : hi'), () => `data of ada: ${cy.data}`);
  assert.deepEqual((await api.listParticipants(there)).map((p) => p.identity).sort(), ['ada', 'cy']);
  await refused(() => api.moveParticipant(here, 'ada', there), 'not_found', 404);
  await refused(() => api.moveParticipant(here, 'bo', here), 'invalid_argument', 400);
});

test('ForwardParticipant shows a participant in a second room', async (t) => {
  const api = client(RoomServiceClient);
  const [here, there] = [newRoom(), newRoom()];
  const ada = await join(t, here, 'ada');
  const bo = await join(t, here, 'bo');
  const cy = await join(t, there, 'cy');
  await publishTone(t, ada.room);
  await api.forwardParticipant(here, 'ada', there);
  await eventually(() => bo.subscribed.has('ada') && cy.subscribed.has('ada'), 'both rooms to subscribe to ada');
  await api.updateParticipant(here, 'ada', { metadata: 'new' });
  await eventually(() => cy.room.remoteParticipants.get('ada')?.metadata === 'new', 'the change');
  await api.removeParticipant(there, 'ada');
  await eventually(() => !cy.room.remoteParticipants.has('ada'), 'the removal');
  assert.ok(bo.room.remoteParticipants.has('ada'));
  await refused(() => api.forwardParticipant(here, 'nobody', there), 'not_found', 404);
});

test('SendData reaches only its destinations', async (t) => {
  const api = client(RoomServiceClient);
  const name = newRoom();
  const ada = await join(t, name, 'ada');
  const bo = await join(t, name, 'bo');
  const bytes = (s) => new TextEncoder().encode(s);
  await api.sendData(name, bytes('all'), DataPacket_Kind.RELIABLE, { topic: 'news' });
  await api.sendData(name, bytes('bo'), DataPacket_Kind.RELIABLE, { destinationIdentities: ['bo'] });
  await api.sendData(name, bytes('sid'), DataPacket_Kind.RELIABLE, { destinationSids: [ada.room.localParticipant.sid] });
  await api.sendData(name, bytes('lossy'), DataPacket_Kind.LOSSY, {});
  await eventually(() => ada.data.length === 3 && bo.data.length === 3, () => `data: ${ada.data} and ${bo.data}`);
  assert.ok(ada.data.includes('server news: all') && bo.data.includes('server news: all'));
  assert.ok(ada.data.includes('server : sid') && !bo.data.includes('server : sid'));
  assert.ok(bo.data.includes('server : bo') && !ada.data.includes('server : bo'));
  await refused(() => api.sendData('none', bytes('x'), DataPacket_Kind.RELIABLE, {}), 'not_found', 404);
});

test('PerformRpc calls a method of a participant', async (t) => {
  const name = newRoom();
  const ada = await join(t, name, 'ada');
  ada.room.localParticipant.registerRpcMethod('greet', async ({ payload, callerIdentity }) => `hello ${payload}, ${callerIdentity.slice(0, 4)}`);
  // The SDK has no method for PerformRpc, so the request is made by its RPC client.
  const api = client(RoomServiceClient);
  const headers = await api.authHeader({ roomAdmin: true, room: name });
  const answer = await api.rpc.request('RoomService', 'PerformRpc', { room: name, destination_identity: 'ada', method: 'greet', payload: 'world' }, headers);
  assert.equal(answer.payload, 'hello world, RPC_');
  await refused(
    () => api.rpc.request('RoomService', 'PerformRpc', { room: name, destination_identity: 'ada', method: 'none' }, headers),
    'invalid_argument',
    400,
  );
});

test('a request signed with another secret is unauthenticated', async () => {
  const stranger = new RoomServiceClient(server.url.replace(/^ws/, 'http'), server.key, 'another-secret-another-secret-123');
  await refused(() => stranger.listRooms(), 'unauthenticated', 401);
});

test('the tests call every RoomService method', () => assert.deepEqual(uncalledMethods(RoomServiceClient), []));

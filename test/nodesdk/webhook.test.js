// Webhooks, verified by the WebhookReceiver of LiveKit's server SDK.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { AudioFrame, AudioSource, dispose, LocalAudioTrack, Room, TrackPublishOptions, TrackSource } from '@livekit/rtc-node';
import { AccessToken, RoomServiceClient, WebhookReceiver } from 'livekit-server-sdk';

import { Server } from '../server.mjs';

/** Starts a receiver that verifies and records events. While down is true it answers 503. */
async function receiver(t, key = 'devkey', secret = 'secret') {
  const verifier = new WebhookReceiver(key, secret);
  const hook = { events: [], errors: [], down: false };
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    if (hook.down) return res.writeHead(503).end();
    try {
      hook.events.push(await verifier.receive(body, req.headers.authorization));
      res.writeHead(200).end();
    } catch (e) {
      hook.errors.push(e);
      res.writeHead(401).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  hook.url = `http://127.0.0.1:${server.address().port}/events`;
  return hook;
}

/** Waits until the condition is true, checking every 20 ms. It fails after a minute. */
async function eventually(condition, what) {
  for (const deadline = Date.now() + 60_000; !condition(); await pause(20)) {
    if (Date.now() > deadline) assert.fail(`gave up waiting for ${what()}`);
  }
}

test('two receivers get the events of a room in order across a restart', async (t) => {
  const [one, two] = [await receiver(t), await receiver(t)];
  const meet = await Server.start('--dev', '--webhook-url', one.url, '--webhook-url', two.url);
  t.after(async () => {
    await dispose();
    await meet.close();
  });
  const token = new AccessToken('devkey', 'secret', { identity: 'ada', ttl: '5m' });
  token.addGrant({ roomJoin: true, room: 'hooks' });
  const room = new Room();
  await room.connect(`ws://${meet.address}`, await token.toJwt(), { autoSubscribe: true, dynacast: false });
  const source = new AudioSource(48_000, 1);
  await room.localParticipant.publishTrack(
    LocalAudioTrack.createAudioTrack('mic', source),
    new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }),
  );
  const names = (r) => r.events.map((e) => e.event);
  for (let n = 0; n < 3_000 && !names(one).includes('track_published'); n++) {
    await source.captureFrame(new AudioFrame(new Int16Array(480), 48_000, 1, 480)); // resolves after the 10 ms of the frame
  }
  two.down = true; // it misses the events until the server runs again
  await room.disconnect();
  await eventually(() => names(one).includes('participant_left'), () => names(one));
  await meet.end(); // ends the room
  two.down = false;
  await meet.run();

  const want = ['room_started', 'participant_joined', 'track_published', 'track_unpublished', 'participant_left', 'room_finished'];
  for (const r of [one, two]) {
    await eventually(() => names(r).includes('room_finished'), () => names(r));
    const once = r.events.filter((e, i) => r.events.findIndex((x) => x.id === e.id) === i);
    assert.deepEqual(once.map((e) => e.event), want);
    assert.deepEqual(r.errors, []);
  }
  const [, joined, published, , left] = one.events;
  assert.equal(joined.room.name, 'hooks');
  assert.deepEqual([joined.room.numParticipants, left.room.numParticipants, left.room.numPublishers], [1, 0, 0]);
  assert.deepEqual(left.participant.tracks, []);
  assert.equal(joined.participant.identity, 'ada');
  assert.match(published.track.sid, /^TR_AM/);
  // A set, because an event is sent again if the restart interrupted the response to it.
  const ids = (r) => new Set(r.events.map((e) => e.id));
  assert.deepEqual(ids(one), ids(two), 'both get the same events');
});

test('a killed server loses no webhook event, and signs the events of each receiver with its own key', async (t) => {
  const [one, two] = [await receiver(t, 'first', 'the first secret'), await receiver(t, 'second', 'the second secret')];
  const keys = 'first: the first secret\nsecond: the second secret';
  const meet = await Server.start('--keys', keys, '--webhook-url', one.url, '--webhook-url', two.url, '--webhook-key', 'first', '--webhook-key', 'second');
  t.after(() => meet.close());
  const api = new RoomServiceClient(meet.url, 'first', 'the first secret');
  two.down = true;
  const names = Array.from({ length: 20 }, (_, i) => `killed-${i}`);
  for (const name of names) {
    await api.createRoom({ name });
    await api.deleteRoom(name);
  }
  // When the first receiver has all events, they are also stored on disk for the second one.
  await eventually(() => one.events.length === 2 * names.length, () => one.events.length);
  assert.equal(await meet.end('SIGKILL'), null);
  two.down = false;
  await meet.run();
  await eventually(() => new Set(two.events.map((e) => e.id)).size === 2 * names.length, () => two.events.length);
  for (const name of names) {
    const of = two.events.filter((e, i) => e.room.name === name && two.events.findIndex((x) => x.id === e.id) === i);
    assert.deepEqual(of.map((e) => e.event), ['room_started', 'room_finished'], name);
  }
  assert.deepEqual([...one.errors, ...two.errors], []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  LocalVideoTrack,
  Room,
  RoomEvent,
  SimulateScenarioKind,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  VideoBufferType,
  VideoFrame,
  VideoSource,
  VideoStream,
} from '@livekit/rtc-node';

import { eventually, mint, server } from './server.js';

const width = 320;
const height = 180;
const rate = 48_000;

test('participants receive audio, video and data of each other', async (t) => {
  const name = `nodesdk-${Date.now()}`;
  const ada = await join(t, name, 'ada');
  const bo = await join(t, name, 'bo');
  await publish(t, ada.room);
  await publish(t, bo.room);
  await Promise.all([ada.receivesMedia(), bo.receivesMedia()]);

  // A later participant receives the tracks that are already published.
  const cy = await join(t, name, 'cy');
  await cy.receivesMedia();

  for (const reliable of [true, false]) {
    const text = `reliable ${reliable}`;
    await ada.room.localParticipant.publishData(new TextEncoder().encode(text), { reliable, topic: 'test' });
    for (const guest of [bo, cy]) await eventually(() => guest.data.includes(`ada: ${text}`), `the data packet, ${text}`);
  }

  await ada.room.localParticipant.setAttributes({ hand: 'up' });
  await eventually(() => bo.room.remoteParticipants.get('ada')?.attributes.hand === 'up', 'the attribute');

  await ada.room.disconnect();
  await eventually(() => !bo.room.remoteParticipants.has('ada'), 'the departure');
});

for (const [mode, singlePeerConnection] of [
  ['two connections', false],
  ['one connection', true],
]) {
  for (const [what, scenario] of [
    ['the WebSocket is lost', SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT],
    ['the node fails', SimulateScenarioKind.SIMULATE_NODE_FAILURE],
  ]) {
    test(`media continues after ${what}, over ${mode}`, async (t) => {
      const name = `nodesdk-${Date.now()}`;
      const [ada, bo] = [await join(t, name, 'ada', { singlePeerConnection }), await join(t, name, 'bo', { singlePeerConnection })];
      await publish(t, ada.room);
      await publish(t, bo.room);
      await Promise.all([ada.receivesMedia(), bo.receivesMedia()]);
      let back = 0;
      bo.room.on(RoomEvent.Reconnected, () => back++);
      await bo.room.simulateScenario(scenario);
      await eventually(() => back > 0, 'the reconnection');
      for (const guest of [ada, bo]) Object.assign(guest, { frames: 0, loudest: 0 });
      await Promise.all([ada.receivesMedia(), bo.receivesMedia()]);
      assert.equal(ada.room.remoteParticipants.size, 1, 'no duplicate participant');
    });
  }

  test(`end-to-end encrypted media is decoded only with the key, over ${mode}`, async (t) => {
    const name = `nodesdk-${Date.now()}`;
    const keyed = (key) => ({ singlePeerConnection, encryption: { keyProviderOptions: { sharedKey: new TextEncoder().encode(key) } } });
    const ada = await join(t, name, 'ada', keyed('our secret'));
    await publish(t, ada.room);
    const bo = await join(t, name, 'bo', keyed('our secret'));
    const eve = await join(t, name, 'eve', keyed('a guess'));
    await bo.receivesMedia();
    await eventually(() => eve.subscribed === 2, 'the tracks reach Eve');
    bo.frames = 0;
    await bo.receivesMedia();
    // On a busy machine the SDK plays noise until decryption has started, so the counts start again here.
    Object.assign(eve, { frames: 0, loudest: 0 });
    bo.frames = 0;
    await bo.receivesMedia();
    assert.equal(eve.frames, 0, 'frames decoded by Eve');
    assert.ok(eve.loudest < 1000, `Eve hears ${eve.loudest}`);
  });
}

test('a token signed with another secret is refused', async () => {
  const token = await mint('refused', 'eve', 'another-secret-another-secret-1234');
  await assert.rejects(new Room().connect(server.url, token, { autoSubscribe: true, dynacast: false }));
});

/** Joins a room and records data packets, decoded frames and the loudest audio sample. */
async function join(t, name, identity, options = {}) {
  const room = new Room();
  const guest = { room, data: [], frames: 0, loudest: 0, subscribed: 0 };
  room.on(RoomEvent.TrackSubscribed, (track) => {
    guest.subscribed++;
    if (track.kind === TrackKind.KIND_VIDEO) void countFrames(track, guest);
    else void measureLoudness(track, guest);
  });
  room.on(RoomEvent.DataReceived, (payload, from) => {
    guest.data.push(`${from?.identity}: ${new TextDecoder().decode(payload)}`);
  });
  guest.receivesMedia = () =>
    eventually(
      () => guest.frames >= 10 && guest.loudest > 1000,
      () => `media: ${identity} has ${guest.frames} frames, loudness ${guest.loudest}`,
    );
  t.after(() => room.disconnect());
  await room.connect(server.url, await mint(name, identity), { autoSubscribe: true, dynacast: false, ...options });
  return guest;
}

async function countFrames(track, guest) {
  for await (const { frame } of new VideoStream(track)) {
    if (frame.width > 0) guest.frames++;
  }
}

async function measureLoudness(track, guest) {
  for await (const frame of new AudioStream(track)) {
    for (const sample of frame.data) guest.loudest = Math.max(guest.loudest, Math.abs(sample));
  }
}

/** Publishes changing video and a tone until the test ends. */
async function publish(t, room) {
  const audioSource = new AudioSource(rate, 1);
  const videoSource = new VideoSource(width, height);
  const audio = LocalAudioTrack.createAudioTrack('mic', audioSource);
  const video = LocalVideoTrack.createVideoTrack('cam', videoSource);
  await room.localParticipant.publishTrack(audio, new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }));
  await room.localParticipant.publishTrack(video, new TrackPublishOptions({ source: TrackSource.SOURCE_CAMERA }));
  let running = true;
  const playAudio = async () => {
    for (let n = 0; running; n += rate / 100) await audioSource.captureFrame(tone(n));
  };
  const playVideo = async () => {
    for (let n = 0; running; n++, await pause(33)) videoSource.captureFrame(videoFrame(n));
  };
  const loops = [playAudio(), playVideo()];
  t.after(async () => {
    running = false;
    await Promise.all(loops);
  });
}

/** Returns ten milliseconds of a 440 Hz tone from sample number start. */
function tone(start) {
  const samples = Int16Array.from({ length: rate / 100 }, (_, i) => 12_000 * Math.sin((2 * Math.PI * 440 * (start + i)) / rate));
  return new AudioFrame(samples, rate, 1, samples.length);
}

function videoFrame(n) {
  const pixels = new Uint8Array(width * height * 4);
  for (let i = 0; i < pixels.length; i++) pixels[i] = i + n * 4;
  return new VideoFrame(pixels, width, height, VideoBufferType.RGBA);
}

// Data of LiveKit's Node SDK, which is based on its Rust SDK: packets, streams and RPC calls.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { test } from 'node:test';

import { Room, RoomEvent, RpcError } from '@livekit/rtc-node';

import { eventually, mint, server } from './server.js';

const modes = [
  ['two connections', false],
  ['one connection', true],
];

for (const [mode, singlePeerConnection] of modes) {
  const pair = async (t) => {
    const name = `nodesdk-data-${Date.now()}-${singlePeerConnection}`;
    return [await join(t, name, 'ada', singlePeerConnection), await join(t, name, 'bo', singlePeerConnection)];
  };

  test(`data packets reach only their destinations over ${mode}`, async (t) => {
    const [ada, bo] = await pair(t);
    const cy = await join(t, ada.name, 'cy', singlePeerConnection);
    const packets = [];
    for (const room of [bo, cy]) {
      room.on(RoomEvent.DataReceived, (payload, from, kind, topic) => {
        packets.push(`${room.localParticipant.identity}: ${new TextDecoder().decode(payload)} of ${from?.identity} on ${topic}`);
      });
    }
    const publish = (text, options) => ada.localParticipant.publishData(new TextEncoder().encode(text), { reliable: true, topic: 't', ...options });
    await publish('for bo', { destination_identities: ['bo'] });
    await publish('for all', {});
    await eventually(() => packets.length === 3, () => `three packets, got ${packets}`);
    assert.deepEqual(packets.toSorted(), ['bo: for all of ada on t', 'bo: for bo of ada on t', 'cy: for all of ada on t']);
  });

  test(`text and byte streams of several megabytes arrive complete over ${mode}`, async (t) => {
    const [ada, bo] = await pair(t);
    const arrived = [];
    bo.registerTextStreamHandler('files', async (reader, from) => arrived.push([from.identity, digest(await reader.readAll())]));
    bo.registerByteStreamHandler('files', async (reader, from) => arrived.push([from.identity, digest(Buffer.concat(await reader.readAll())), reader.info.name]));
    const text = randomBytes(1 << 20).toString('base64');
    await ada.localParticipant.sendText(text, { topic: 'files' });
    const folder = await mkdtemp(path(tmpdir(), 'meet-nodesdk-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = randomBytes(2 << 20);
    await writeFile(path(folder, 'image.bin'), file);
    await ada.localParticipant.sendFile(path(folder, 'image.bin'), { topic: 'files', name: 'image.bin' });
    const writer = await ada.localParticipant.streamBytes({ topic: 'files', name: 'live' });
    for (let i = 0; i < file.length; i += 100_000) await writer.write(file.subarray(i, i + 100_000));
    await writer.close();
    await eventually(() => arrived.length === 3, () => `three streams, got ${arrived}`);
    assert.deepEqual(arrived, [['ada', digest(text)], ['ada', digest(file), 'image.bin'], ['ada', digest(file), 'live']]);
  });

  test(`RPC calls return results and errors over ${mode}`, async (t) => {
    const [ada, bo] = await pair(t);
    bo.localParticipant.registerRpcMethod('greet', async ({ callerIdentity, payload }) => `${callerIdentity} said ${payload}`);
    bo.localParticipant.registerRpcMethod('refuse', async () => {
      throw new RpcError(4321, 'not today', 'because');
    });
    ada.localParticipant.registerRpcMethod('greet', async ({ payload }) => `and ${payload} to you`);
    await eventually(() => bo.remoteParticipants.has('ada'), 'bo to see ada');
    const call = (room, destinationIdentity, method, payload) => room.localParticipant.performRpc({ destinationIdentity, method, payload });
    assert.equal(await call(ada, 'bo', 'greet', 'hello'), 'ada said hello');
    assert.equal(await call(bo, 'ada', 'greet', 'hello'), 'and hello to you');
    await assert.rejects(call(ada, 'bo', 'refuse', ''), (e) => e.code === 4321 && e.message.includes('not today') && e.data === 'because');
    await assert.rejects(call(ada, 'bo', 'unknown', ''), (e) => e.code === 1400);
  });
}

async function join(t, name, identity, singlePeerConnection) {
  const room = new Room();
  t.after(() => room.disconnect());
  await room.connect(server.url, await mint(name, identity), { autoSubscribe: true, dynacast: false, singlePeerConnection });
  await eventually(() => room.isConnected, 'the connection');
  Object.defineProperty(room, 'name', { value: name, configurable: true });
  return room;
}

const digest = (data) => createHash('sha256').update(data).digest('hex');

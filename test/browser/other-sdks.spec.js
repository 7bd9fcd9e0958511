// RPC calls and text streams between livekit-client and LiveKit's other SDKs. The SDKs differ in their capabilities, such as
// RPC over streams and compressed text, and get each other's capabilities from the server.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AccessToken } from 'livekit-server-sdk';
import { dispose, Room } from '../nodesdk/node_modules/@livekit/rtc-node/dist/index.js';
import { expect, modes, test } from './livekit.js';

const gosdk = fileURLToPath(new URL('../gosdk', import.meta.url));

let folder;
let echo;
test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meet-echo-'));
  echo = join(folder, 'echo');
  execFileSync('go', ['build', '-o', echo, './echo'], { cwd: gosdk, stdio: 'inherit' });
});
test.afterAll(async () => {
  rmSync(folder, { recursive: true });
  await dispose();
});

const text = 'äあ😀 and plain letters '.repeat(5000);

/** Makes livekit-client answer calls of "greet" and record texts of topic "back" and data packets of topic "answer". */
const prepare = (client) =>
  client.evaluate(() => {
    room.registerRpcMethod('greet', async ({ callerIdentity, payload }) => `${payload} back, ${callerIdentity}`);
    globalThis.texts = [];
    room.registerTextStreamHandler('back', async (reader, from) => texts.push([from.identity, await reader.readAll()]));
    globalThis.answers = [];
    room.on('dataReceived', (payload, from, kind, topic) => topic === 'answer' && answers.push(new TextDecoder().decode(payload)));
  });

const call = (client, destinationIdentity, method = 'greet', payload = 'hello') =>
  client.evaluate(
    (params) =>
      room.localParticipant.performRpc(params).then(
        (answer) => answer,
        (e) => ({ code: e.code, message: e.message, data: e.data }),
      ),
    { destinationIdentity, method, payload },
  );

for (const [mode, singlePeerConnection] of modes) {
  const options = { singlePeerConnection };

  test(`livekit-client exchanges RPC calls and text with the Go SDK over ${mode}`, async ({ client, livekit }, info) => {
    const ada = await client('Ada', { options });
    await prepare(ada);
    const room = `${info.testId}-${info.retry}`;
    const args = ['-url', livekit.url, '-key', livekit.key, '-secret', livekit.secret, '-room', room];
    const go = spawn(echo, singlePeerConnection ? [...args, '-single'] : args);
    const ended = new Promise((resolve) => go.once('close', resolve));
    let output = '';
    for (const stream of [go.stdout, go.stderr]) stream.on('data', (text) => (output += text));
    await expect.poll(async () => (await ada.evaluate(() => room.remoteParticipants.has('go'))) || output).toBe(true);
    expect(await call(ada, 'go')).toBe('Ada said hello');
    expect(await call(ada, 'go', 'unknown')).toMatchObject({ code: 1400 });
    await ada.evaluate(() => room.localParticipant.publishData(new TextEncoder().encode('call me'), { reliable: true }));
    await expect.poll(() => ada.evaluate(() => answers)).toEqual(['hello back, go']);
    await ada.evaluate((text) => room.localParticipant.sendText(text, { topic: 'files' }), text);
    await expect.poll(() => ada.evaluate(() => texts)).toEqual([['go', text]]);
    go.stdin.end();
    await ended;
  });

  test(`livekit-client exchanges RPC calls and text with the Node SDK over ${mode}`, async ({ client, livekit }, info) => {
    const ada = await client('Ada', { options });
    await prepare(ada);
    const token = new AccessToken(livekit.key, livekit.secret, { identity: 'node', ttl: '10m' });
    token.addGrant({ room: `${info.testId}-${info.retry}`, roomJoin: true });
    const node = new Room();
    const texts = [];
    node.registerTextStreamHandler('files', async (reader) => texts.push(await reader.readAll()));
    await node.connect(livekit.url, await token.toJwt(), { autoSubscribe: true, dynacast: false, singlePeerConnection });
    const me = node.localParticipant;
    me.registerRpcMethod('greet', async ({ callerIdentity, payload }) => `${callerIdentity} said ${payload}`);
    await expect.poll(() => ada.evaluate(() => room.remoteParticipants.has('node'))).toBe(true);
    await expect.poll(() => node.remoteParticipants.has('Ada')).toBe(true);
    expect(await call(ada, 'node')).toBe('Ada said hello');
    expect(await call(ada, 'node', 'unknown')).toMatchObject({ code: 1400 });
    expect(await me.performRpc({ destinationIdentity: 'Ada', method: 'greet', payload: 'hello' })).toBe('hello back, node');
    await ada.evaluate((text) => room.localParticipant.sendText(text, { topic: 'files' }), text);
    await expect.poll(() => texts).toEqual([text]);
    await me.sendText(text, { topic: 'back' });
    await expect.poll(() => ada.evaluate(() => texts)).toEqual([['node', text]]);
    await node.disconnect();
  });
}

// Data of livekit-client: packets, streams, RPC calls and data tracks.
import { expect, modes, test } from './livekit.js';
import { within } from './measure.js';

/** Records the data packets that the page receives from now on in its global `packets`. */
const recordPackets = (client) =>
  client.evaluate(() => {
    globalThis.packets = [];
    room.on('dataReceived', (payload, from, kind, topic) =>
      packets.push({ text: new TextDecoder().decode(payload), from: from?.identity, lossy: kind === 1, topic }),
    );
  });

const packets = (client) => client.evaluate(() => globalThis.packets);

const publish = (client, text, options) =>
  client.evaluate(([text, options]) => room.localParticipant.publishData(new TextEncoder().encode(text), options), [text, options]);

/** Calls a method of another participant and returns the answer or the error. */
const call = (client, method, payload, to) =>
  client.evaluate(
    ([destinationIdentity, method, payload]) =>
      room.localParticipant.performRpc({ destinationIdentity, method, payload }).then(
        (answer) => answer,
        (e) => ({ code: e.code, message: e.message, data: e.data }),
      ),
    [to, method, payload],
  );

/** Records the streams of a topic in the page's global `streams`, each with its length in bytes and its SHA-256 hash. */
const recordStreams = (client, topic) =>
  client.evaluate((topic) => {
    globalThis.streams = [];
    const digest = async (bytes) => [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((b) => b.toString(16).padStart(2, '0')).join('');
    const record = (kind) => async (reader, from) => {
      const entry = { kind, from: from.identity, info: { name: reader.info.name, attributes: reader.info.attributes }, done: false };
      streams.push(entry);
      const all = await reader.readAll();
      const bytes = kind === 'text' ? new TextEncoder().encode(all) : await new Blob(all).arrayBuffer();
      Object.assign(entry, { length: bytes.byteLength, digest: await digest(bytes), done: true });
    };
    room.registerTextStreamHandler(topic, record('text'));
    room.registerByteStreamHandler(topic, record('bytes'));
    globalThis.digest = digest;
  }, topic);

const streams = (client) => client.evaluate(() => globalThis.streams.filter((s) => s.done));

for (const [mode, singlePeerConnection] of modes) {
  const options = { singlePeerConnection };

  test(`data packets reach only their destinations over ${mode}`, async ({ client }) => {
    const [ada, bo, cy] = [await client('Ada', { options }), await client('Bo', { options }), await client('Cy', { options })];
    for (const c of [ada, bo, cy]) await recordPackets(c);
    await publish(ada, 'to all', { reliable: true, topic: 'news' });
    await publish(ada, 'to Bo', { reliable: true, destinationIdentities: ['Bo'] });
    await publish(ada, 'to all again', { reliable: true });
    await expect.poll(() => packets(cy)).toEqual([
      { text: 'to all', from: 'Ada', lossy: false, topic: 'news' },
      { text: 'to all again', from: 'Ada', lossy: false },
    ]);
    await expect.poll(async () => (await packets(bo)).map((p) => p.text)).toEqual(['to all', 'to Bo', 'to all again']);
    await expect
      .poll(async () => {
        await publish(bo, 'quick', { reliable: false, topic: 'cursor' }); // repeated, because lossy packets may be lost
        return packets(ada);
      })
      .toContainEqual({ text: 'quick', from: 'Bo', lossy: true, topic: 'cursor' });
    expect(await packets(ada), 'Ada does not receive its own packets').not.toContainEqual(expect.objectContaining({ from: 'Ada' }));
    const refused = await ada.evaluate(() => room.localParticipant.publishData(new Uint8Array(70_000), { reliable: true }).then(() => 'sent', () => 'refused'));
    expect(refused, 'a packet over the limit').toBe('refused');
    await publish(ada, 'after it', { reliable: true });
    await expect.poll(async () => (await packets(cy)).map((p) => p.text)).toContain('after it');
  });

  test(`a participant without canPublishData sends no data over ${mode}`, async ({ client }) => {
    const [silent, bo] = [await client('Silent', { options, grant: { canPublishData: false } }), await client('Bo', { options })];
    await recordPackets(silent);
    await recordPackets(bo);
    await silent.evaluate(() => room.localParticipant.publishData(new Uint8Array(1), { reliable: true }).catch(() => {}));
    await publish(bo, 'received', { reliable: true });
    await expect.poll(async () => (await packets(silent)).map((p) => p.text)).toEqual(['received']);
    expect(await packets(bo)).toEqual([]);
  });

  test(`text and byte streams of several megabytes arrive complete over ${mode}`, async ({ client }) => {
    const [ada, bo, cy] = [await client('Ada', { options }), await client('Bo', { options }), await client('Cy', { options })];
    for (const c of [ada, bo, cy]) await recordStreams(c, 'files');
    const sent = await ada.evaluate(async () => {
      // Incompressible text of characters with one to four bytes in UTF-8.
      const random = (n) => Array.from({ length: n / 65536 }, () => crypto.getRandomValues(new Uint8Array(65536)));
      const text = random(1 << 20).flatMap((b) => [...b]).map((b) => 'aäあ😀'[b & 3 ? (b & 3) - 1 : 0] + String.fromCharCode(33 + (b >> 2))).join('');
      await room.localParticipant.sendText(text, { topic: 'files', attributes: { of: 'Ada' } });
      const file = new File(random(2 << 20), 'image.bin');
      await room.localParticipant.sendFile(file, { topic: 'files' });
      const writer = await room.localParticipant.streamBytes({ topic: 'files', name: 'live', destinationIdentities: ['Bo'] });
      const chunks = random(2 << 20);
      for (const chunk of chunks) await writer.write(chunk);
      await writer.close();
      const encoded = new TextEncoder().encode(text);
      return [
        { kind: 'text', length: encoded.length, digest: await digest(encoded) },
        { kind: 'bytes', length: file.size, digest: await digest(await file.arrayBuffer()) },
        { kind: 'bytes', length: 2 << 20, digest: await digest(await new Blob(chunks).arrayBuffer()) },
      ];
    });
    expect(sent[0].length).toBeGreaterThan(2 << 20);
    await expect.poll(() => streams(bo)).toEqual(sent.map((s) => expect.objectContaining({ ...s, from: 'Ada' })));
    await expect.poll(() => streams(cy)).toEqual(sent.slice(0, 2).map((s) => expect.objectContaining(s)));
    const [text, file] = await streams(bo);
    expect(text.info.attributes).toMatchObject({ of: 'Ada' });
    expect(file.info.name).toBe('image.bin');
    await bo.evaluate(() => room.localParticipant.sendText('and back', { topic: 'files' }));
    await expect.poll(async () => (await streams(ada)).map((s) => [s.from, s.length])).toEqual([['Bo', 8]]);
  });

  test(`RPC calls return results and errors over ${mode}`, async ({ client }) => {
    const [ada, bo] = [await client('Ada', { options }), await client('Bo', { options })];
    await bo.evaluate(() => {
      const { RpcError } = globalThis.LivekitClient;
      room.registerRpcMethod('greet', async ({ callerIdentity, payload }) => `${callerIdentity} said ${payload}`);
      room.registerRpcMethod('echo', async ({ payload }) => payload);
      room.registerRpcMethod('refuse', async () => {
        throw new RpcError(4321, 'not today', 'because');
      });
      room.registerRpcMethod('break', async () => {
        throw new Error('a secret');
      });
    });
    await ada.evaluate(() => room.registerRpcMethod('greet', async ({ payload }) => `and ${payload} to you`));
    expect(await call(ada, 'greet', 'hello', 'Bo')).toBe('Ada said hello');
    expect(await call(bo, 'greet', 'hello', 'Ada')).toBe('and hello to you');
    const long = 'x'.repeat(500_000); // needs several packets, which only version 2 of the RPC protocol supports
    expect(await call(ada, 'echo', long, 'Bo')).toBe(long);
    expect(await call(ada, 'refuse', '', 'Bo')).toEqual({ code: 4321, message: 'not today', data: 'because' });
    expect(await call(ada, 'break', '', 'Bo')).toMatchObject({ code: 1500 });
    expect(await call(ada, 'unknown', '', 'Bo')).toMatchObject({ code: 1400 });
    await bo.evaluate(() => {
      globalThis.called = new Promise((resolve) => {
        room.registerRpcMethod('never', () => new Promise(() => resolve()));
      });
    });
    const waiting = call(ada, 'never', '', 'Bo');
    await bo.evaluate(() => globalThis.called);
    await bo.evaluate(() => room.disconnect());
    expect(await waiting, 'the callee has left').toMatchObject({ code: 1503 });
  });

  test(`RPC works for hidden participants and fails fast when nobody can answer, over ${mode}`, async ({ client }) => {
    const [ada, eve] = [await client('Ada', { options }), await client('Eve', { options, grant: { hidden: true } })];
    const mute = await client('Mute', { options, grant: { canPublishData: false } });
    await ada.evaluate(() => room.registerRpcMethod('size', async ({ callerIdentity, payload }) => `${payload.length} by ${callerIdentity}`));
    await eve.evaluate(() => room.registerRpcMethod('greet', async ({ callerIdentity }) => `hello ${callerIdentity}`));
    const size = await call(eve, 'size', 'x'.repeat(50_000), 'Ada');
    expect(size, 'a call in version 2 of the RPC protocol').toMatch(/^50000 by CALLER_/);
    expect(await call(ada, 'greet', '', 'Eve'), 'an answer in version 2 of the RPC protocol').toBe('hello Ada');
    const began = Date.now();
    expect(await call(ada, 'greet', '', 'nobody')).toMatchObject({ code: 1401 });
    expect(await call(ada, 'greet', '', 'Mute')).toMatchObject({ code: 1400 });
    expect(await call(mute, 'greet', '', 'Ada')).toMatchObject({ code: 1505 });
    // The check allows three times this limit, which is less than the 7 s after which a client gives up a single call.
    within('three unanswerable RPC calls, ms', Date.now() - began, 2300);
  });

  test(`reliable data is neither lost nor duplicated when the WebSocket is lost, over ${mode}`, async ({ client }) => {
    const [ada, bo] = [await client('Ada', { options }), await client('Bo', { options })];
    await recordPackets(bo);
    await ada.evaluate(() => {
      globalThis.sending = (async () => {
        for (globalThis.sent = 0; !globalThis.enough; globalThis.sent++) {
          await room.localParticipant.publishData(new TextEncoder().encode(String(globalThis.sent)), { reliable: true });
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
    });
    for (const c of [ada, bo]) {
      const before = (await packets(bo)).length;
      await expect.poll(async () => (await packets(bo)).length).toBeGreaterThan(before + 20);
      await c.evaluate(() => room.simulateScenario('signal-reconnect'));
      await expect.poll(() => c.events()).toContain('reconnected');
    }
    const total = await ada.evaluate(async () => {
      globalThis.enough = true;
      await globalThis.sending;
      return globalThis.sent;
    });
    await expect.poll(async () => (await packets(bo)).length).toBeGreaterThanOrEqual(total);
    expect((await packets(bo)).map((p) => Number(p.text))).toEqual(Array.from({ length: total }, (_, i) => i));
  });

  test(`frames of a data track arrive, also after a resume, over ${mode}`, async ({ client }) => {
    const [ada, bo] = [await client('Ada', { options }), await client('Bo', { options })];
    await ada.evaluate(async () => (globalThis.track = await room.localParticipant.publishDataTrack({ name: 'position' })));
    const again = await ada.evaluate(() => room.localParticipant.publishDataTrack({ name: 'position' }).then(() => 'published', (e) => `${e.name} ${e.reasonName ?? e.reason}`));
    expect(again, 'publishing a name twice').toContain('DataTrackPublishError');
    await bo.evaluate(async () => {
      globalThis.frames = [];
      const track = await room.remoteParticipants.get('Ada').dataTracks.getDeferred('position');
      const read = async (reader) => {
        for (let r = await reader.read(); !r.done; r = await reader.read()) frames.push({ length: r.value.payload.length, first: r.value.payload[0], stamp: String(r.value.userTimestamp) });
        globalThis.ended = true;
      };
      void read(track.subscribe().getReader());
    });
    const push = (length, first) =>
      ada.evaluate(([length, first]) => void globalThis.track.tryPush({ payload: new Uint8Array(length).fill(first), userTimestamp: 7n }), [length, first]);
    await expect
      .poll(async () => {
        await push(10, 1); // repeated, because a frame may be lost or sent before the subscription
        return bo.evaluate(() => globalThis.frames);
      })
      .toContainEqual({ length: 10, first: 1, stamp: '7' });
    await expect
      .poll(async () => {
        await push(50_000, 2); // in several packets
        return bo.evaluate(() => globalThis.frames);
      })
      .toContainEqual({ length: 50_000, first: 2, stamp: '7' });
    const cy = await client('Cy', { options });
    expect(await cy.evaluate(() => [...room.remoteParticipants.get('Ada').dataTracks.keys()])).toEqual(['position']);
    await ada.evaluate(() => room.simulateScenario('signal-reconnect'));
    await expect.poll(() => ada.events()).toContain('reconnected');
    await expect
      .poll(async () => {
        await push(10, 3);
        return bo.evaluate(() => globalThis.frames);
      }, 'frames arrive after a resume')
      .toContainEqual({ length: 10, first: 3, stamp: '7' });
    await ada.evaluate(() => globalThis.track.unpublish());
    await expect.poll(() => bo.events()).toContain('dataTrackUnpublished');
    await expect.poll(() => bo.evaluate(() => globalThis.ended)).toBe(true);
  });
}

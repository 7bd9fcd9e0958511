// livekit-client loses its connection in every way it can simulate, and the call goes on.
import { expect, modes, test } from './livekit.js';
import { waitForMore } from './progress.js';

// By far the longest file: one process would work at it when the others have ended.
test.describe.configure({ mode: 'parallel' });

/** Notes every peer connection of the page. */
function keepConnections() {
  globalThis.connections = [];
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      globalThis.connections.push(this);
    }
  };
}

/** What the connections in use travel over: "udp", "tcp", or both. */
const protocols = (client) =>
  client.evaluate(async () => {
    const all = new Set();
    for (const pc of globalThis.connections.filter((pc) => pc.connectionState === 'connected')) {
      const stats = await pc.getStats();
      for (const s of stats.values()) {
        if (s.type === 'transport' && s.selectedCandidatePairId) all.add(stats.get(stats.get(s.selectedCandidatePairId).localCandidateId).protocol);
      }
    }
    return [...all].sort().join();
  });

const publish = (client) =>
  client.evaluate(() => Promise.all([room.localParticipant.setCameraEnabled(true), room.localParticipant.setMicrophoneEnabled(true)]));

/** Simulates a scenario and returns the milliseconds until livekit-client says that it is connected again. */
const suffer = (client, scenario, arg) =>
  client.evaluate(
    async ([scenario, arg]) => {
      const begin = performance.now();
      const again = new Promise((resolve, reject) => {
        room.once('reconnected', () => resolve('reconnected')).once('disconnected', (reason) => reject(new Error(`disconnected: ${reason}`)));
      });
      await room.simulateScenario(scenario, arg);
      await again;
      return Math.round(performance.now() - begin);
    },
    [scenario, arg],
  );

// "reconnected" is told after every one of these, of whichever kind the reconnection was.
const survived = [
  'signal-reconnect', 'resume-reconnect', 'full-reconnect', 'node-failure', 'migration',
  'disconnect-signal-on-resume', 'disconnect-signal-on-resume-no-messages', 'leave-full-reconnect',
];

for (const [mode, singlePeerConnection] of modes) {
  const options = { singlePeerConnection };

  test(`the call goes on after every scenario, over ${mode}`, async ({ client }, info) => {
    const [ada, bo] = [await client('Ada', { options }), await client('Bo', { options })];
    await Promise.all([publish(ada), publish(bo)]);
    for (const scenario of survived) {
      await Promise.all([ada.sees('Bo', `Ada sees Bo before ${scenario}`), bo.sees('Ada', `Bo sees Ada before ${scenario}`)]);
      const took = await suffer(bo, scenario);
      info.annotations.push({ type: scenario, description: `${took} ms` });
      console.log(`${mode}: ${scenario} took ${took} ms`);
      await Promise.all([ada.sees('Bo', `Ada sees Bo after ${scenario}`), bo.sees('Ada', `Bo sees Ada after ${scenario}`)]);
      expect(await ada.evaluate(() => room.remoteParticipants.size), `nobody is there twice after ${scenario}`).toBe(1);
    }
    await Promise.all([ada.hears('Bo'), bo.hears('Ada')]);
  });

  test(`without UDP the call goes on over TCP, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    const bo = await client('Bo', { options, prepare: keepConnections });
    await Promise.all([publish(ada), publish(bo)]);
    await Promise.all([ada.sees('Bo'), bo.sees('Ada')]);
    expect(await protocols(bo)).toBe('udp');
    for (const scenario of ['force-tcp', 'force-tls']) { // without TURN there is no TLS: it is TCP
      await suffer(bo, scenario);
      await Promise.all([ada.sees('Bo', `after ${scenario}`), bo.sees('Ada', `after ${scenario}`)]);
      expect(await protocols(bo)).toBe('tcp');
    }
    await Promise.all([ada.hears('Bo'), bo.hears('Ada')]);
  });

  test(`a simulated speaker speaks, and a server that leaves says so, over ${mode}`, async ({ client }) => {
    const [ada, bo] = [await client('Ada', { options }), await client('Bo', { options })];
    await bo.evaluate(() => room.localParticipant.setCameraEnabled(true));
    await ada.sees('Bo');
    await bo.evaluate(() => room.simulateScenario('speaker'));
    const speakers = () => ada.evaluate(() => room.activeSpeakers.map((p) => p.identity).join());
    await expect.poll(speakers).toBe('Bo');
    await expect.poll(speakers, 'and is silent again').toBe('');
    await bo.evaluate(() => room.simulateScenario('server-leave'));
    await expect.poll(() => bo.evaluate(() => room.state)).toBe('disconnected');
    const reason = await bo.evaluate(() => globalThis.roomEvents.find((e) => e.name === 'disconnected').args[0]);
    expect(reason, 'SERVER_SHUTDOWN').toBe(3);
    await expect.poll(() => ada.evaluate(() => room.remoteParticipants.size)).toBe(0);
  });

  test(`less bandwidth is simulated, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    await ada.publishCamera({ simulcast: true }, { width: 1280, height: 720, frameRate: 10 });
    const bo = await client('Bo', { options });
    const width = async () => (await bo.inbound()).frameWidth;
    await expect.poll(width, 'the largest at first').toBe(1280);
    await bo.evaluate(() => room.simulateScenario('subscriber-bandwidth', 200_000));
    await expect.poll(width, 'a smaller one, of which there is room').toBeLessThan(1280);
    await bo.sees('Ada');
    await bo.evaluate(() => room.simulateScenario('subscriber-bandwidth', 0));
    await expect.poll(width, 'the largest again').toBe(1280);
  });

  test(`sections are used again, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    await publish(ada);
    const bo = await client('Bo', { options, prepare: keepConnections });
    await bo.sees('Ada');
    const sections = () => bo.evaluate(() => Math.max(...globalThis.connections.map((pc) => pc.getTransceivers().length)));
    const before = await sections();
    for (let i = 0; i < 15; i++) {
      await ada.evaluate(async () => {
        await room.localParticipant.setCameraEnabled(false);
        for (const p of [...room.localParticipant.videoTrackPublications.values()]) await room.localParticipant.unpublishTrack(p.track);
      });
      await expect.poll(() => bo.evaluate(() => [...room.remoteParticipants.values()][0].videoTrackPublications.size), `taken away, round ${i}`).toBe(0);
      await ada.evaluate(() => room.localParticipant.setCameraEnabled(true));
      await waitForMore(2, async () => (await bo.inbound('video')).framesDecoded ?? 0, `seen again, round ${i}`);
    }
    await Promise.all([bo.sees('Ada'), bo.hears('Ada')]);
    expect(await sections()).toBeLessThanOrEqual(before + 2);
  });
}

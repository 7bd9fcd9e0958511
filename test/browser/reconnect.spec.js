// Reconnections of livekit-client in all scenarios that it can simulate.
import { expect, modes, test } from './livekit.js';
import { waitForMore } from './waitformore.js';

// This file takes longest by far, so its tests run in parallel.
test.describe.configure({ mode: 'parallel' });

/** Runs in the page: records its peer connections in globalThis.connections. */
function recordPeerConnections() {
  globalThis.connections = [];
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      globalThis.connections.push(this);
    }
  };
}

/** Returns the transport protocols of the connected peer connections: "tcp", "udp" or "tcp,udp". */
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

/** Simulates a scenario and returns the time in ms until livekit-client emits "reconnected". */
const simulate = (client, scenario, arg) =>
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

// Scenarios after which livekit-client emits "reconnected".
const scenarios = [
  'signal-reconnect', 'resume-reconnect', 'full-reconnect', 'node-failure', 'migration',
  'disconnect-signal-on-resume', 'disconnect-signal-on-resume-no-messages', 'leave-full-reconnect',
];

for (const [mode, singlePeerConnection] of modes) {
  const options = { singlePeerConnection };

  test(`media continues after every simulated reconnection over ${mode}`, async ({ client }, info) => {
    const [ada, bo] = [await client('Ada', { options }), await client('Bo', { options })];
    await Promise.all([publish(ada), publish(bo)]);
    for (const scenario of scenarios) {
      await Promise.all([ada.sees('Bo', `Ada sees Bo before ${scenario}`), bo.sees('Ada', `Bo sees Ada before ${scenario}`)]);
      const took = await simulate(bo, scenario);
      info.annotations.push({ type: scenario, description: `${took} ms` });
      console.log(`${mode}: ${scenario} took ${took} ms`);
      await Promise.all([ada.sees('Bo', `Ada sees Bo after ${scenario}`), bo.sees('Ada', `Bo sees Ada after ${scenario}`)]);
      expect(await ada.evaluate(() => room.remoteParticipants.size), `no duplicate participant after ${scenario}`).toBe(1);
    }
    await Promise.all([ada.hears('Bo'), bo.hears('Ada')]);
  });

  test(`media moves to TCP when UDP is blocked, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    const bo = await client('Bo', { options, prepare: recordPeerConnections });
    await Promise.all([publish(ada), publish(bo)]);
    await Promise.all([ada.sees('Bo'), bo.sees('Ada')]);
    await expect.poll(() => protocols(bo)).toBe('udp'); // TCP may connect first
    await simulate(bo, 'force-tcp'); // turn.spec.js covers force-tls
    await Promise.all([ada.sees('Bo'), bo.sees('Ada')]);
    await expect.poll(() => protocols(bo)).toBe('tcp');
    await Promise.all([ada.hears('Bo'), bo.hears('Ada')]);
  });

  test(`simulated speaker and server-leave scenarios are reported over ${mode}`, async ({ client }) => {
    const [ada, bo] = [await client('Ada', { options }), await client('Bo', { options })];
    await bo.evaluate(() => room.localParticipant.setCameraEnabled(true));
    await ada.sees('Bo');
    await bo.evaluate(() => room.simulateScenario('speaker'));
    const speakers = () => ada.evaluate(() => room.activeSpeakers.map((p) => p.identity).join());
    await expect.poll(speakers).toBe('Bo');
    await expect.poll(speakers, 'nobody speaks again').toBe('');
    await bo.evaluate(() => room.simulateScenario('server-leave'));
    await expect.poll(() => bo.evaluate(() => room.state)).toBe('disconnected');
    const reason = await bo.evaluate(() => globalThis.roomEvents.find((e) => e.name === 'disconnected').args[0]);
    expect(reason, 'SERVER_SHUTDOWN').toBe(3);
    await expect.poll(() => ada.evaluate(() => room.remoteParticipants.size)).toBe(0);
  });

  test(`a simulated bandwidth limit lowers the video layer until the limit is removed, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    await ada.publishCamera({ simulcast: true }, { width: 1280, height: 720, frameRate: 10 });
    const bo = await client('Bo', { options });
    const width = async () => (await bo.inbound()).frameWidth;
    await expect.poll(width, 'the largest layer at first').toBe(1280);
    await bo.evaluate(() => room.simulateScenario('subscriber-bandwidth', 200_000));
    await expect.poll(width, 'a smaller layer within the limit').toBeLessThan(1280);
    await bo.sees('Ada');
    await bo.evaluate(() => room.simulateScenario('subscriber-bandwidth', 0));
    await expect.poll(width, 'the largest layer again').toBe(1280);
  });

  test(`media sections are reused for later tracks over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    await publish(ada);
    const bo = await client('Bo', { options, prepare: recordPeerConnections });
    await bo.sees('Ada');
    const sections = () => bo.evaluate(() => Math.max(...globalThis.connections.map((pc) => pc.getTransceivers().length)));
    const before = await sections();
    for (let i = 0; i < 15; i++) {
      await ada.evaluate(async () => {
        await room.localParticipant.setCameraEnabled(false);
        for (const p of [...room.localParticipant.videoTrackPublications.values()]) await room.localParticipant.unpublishTrack(p.track);
      });
      await expect.poll(() => bo.evaluate(() => [...room.remoteParticipants.values()][0].videoTrackPublications.size), `unpublished, round ${i}`).toBe(0);
      await ada.evaluate(() => room.localParticipant.setCameraEnabled(true));
      await waitForMore(2, async () => (await bo.inbound('video')).framesDecoded ?? 0, `received again, round ${i}`);
    }
    await Promise.all([bo.sees('Ada'), bo.hears('Ada')]);
    expect(await sections()).toBeLessThanOrEqual(before + 2);
  });
}

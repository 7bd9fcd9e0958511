// Calls through TURN relays, with the unmodified livekit-client, in Chromium and Firefox.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchFirefox } from './firefox.js';
import { expect, joinRoom, modes, roomNameFor, test as base } from './livekit.js';
import { Server } from '../server.mjs';

const test = base.extend({
  /** A server with TLS. Its certificate is self-signed, so Chromium has to ignore errors. */
  livekit: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const folder = mkdtempSync(join(tmpdir(), 'meet-tls-'));
      const [certificate, key] = [join(folder, 'tls.pem'), join(folder, 'tls.key')];
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=localhost',
        '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', certificate], { stdio: 'pipe' });
      const server = await Server.start('--dev', '--tls-cert', certificate, '--tls-key', key);
      await use({ url: `wss://${server.address}`, plainURL: `ws://${server.address}`, key: 'devkey', secret: 'secret', server });
      await server.close();
      rmSync(folder, { recursive: true });
    },
    { scope: 'worker' },
  ],
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...launchOptions.args, '--ignore-certificate-errors'] });
  },
});

/** Returns a script that makes all peer connections use only relays that are reached over a transport, and records them. */
const onlyRelay = (transport) => `(${(transport) => {
  const matches = (url) => (transport === 'tls' ? url.startsWith('turns:') : url.startsWith('turn:') && url.endsWith(`?transport=${transport}`));
  // Most clients get no URL for UDP, but the server accepts it.
  const overUDP = (url) => (transport === 'udp' ? url.replace(/^(turn:.*\?transport=)tcp$/, '$1udp') : url);
  const restrict = (config) =>
    transport && config?.iceServers
      ? { ...config, iceTransportPolicy: 'relay', iceServers: config.iceServers.map((s) => ({ ...s, urls: [s.urls].flat().map(overUDP).filter(matches) })) }
      : config;
  globalThis.connections = [];
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(config, ...rest) {
      super(restrict(config), ...rest);
      globalThis.connections.push(this);
    }
    setConfiguration(config) {
      super.setConfiguration(restrict(config));
    }
  };
}})(${JSON.stringify(transport)})`;

/** Returns how the connected peer connections reach the server, such as "relay over tls". */
const paths = (client) =>
  client.evaluate(async () => {
    const all = new Set();
    for (const pc of globalThis.connections.filter((pc) => pc.connectionState === 'connected')) {
      const stats = await pc.getStats();
      for (const s of stats.values()) {
        if (s.type !== 'transport' || !s.selectedCandidatePairId) continue;
        const local = stats.get(stats.get(s.selectedCandidatePairId).localCandidateId);
        all.add(local.candidateType === 'relay' ? `relay over ${local.relayProtocol}` : `${local.candidateType} over ${local.protocol}`);
      }
    }
    return [...all].sort().join();
  });

/** Returns an IPv4 address of this machine that is not a loopback address, or undefined if there is none. */
const ownAddress = () => Object.values(networkInterfaces()).flat().find((a) => a.family === 'IPv4' && !a.internal)?.address;

for (const [mode, singlePeerConnection] of modes) {
  const options = { singlePeerConnection };

  for (const transport of ['udp', 'tcp', 'tls']) {
    test(`video passes both ways through a relay that Chromium reaches over ${transport}, over ${mode}`, async ({ client }) => {
      const ada = await client('Ada', { options });
      const bo = await client('Bo', { options, prepare: { content: onlyRelay(transport) } });
      await ada.publishCamera();
      await bo.publishCamera();
      await ada.sees('Bo');
      await bo.sees('Ada');
      await expect.poll(() => paths(bo)).toBe(`relay over ${transport}`);
    });
  }

  test(`simulated TLS moves livekit-client to a relay, and reconnections keep it there, over ${mode}`, async ({ client }) => {
    const ada = await client('Ada', { options });
    const bo = await client('Bo', { options, prepare: { content: onlyRelay('') } });
    await ada.publishCamera();
    await bo.publishCamera();
    await ada.sees('Bo');
    for (const scenario of ['force-tls', 'full-reconnect', 'resume-reconnect']) {
      await bo.evaluate(async (scenario) => {
        const again = new Promise((resolve) => room.once('reconnected', resolve));
        await room.simulateScenario(scenario);
        await again;
      }, scenario);
      await expect.poll(() => paths(bo), scenario).toBe('relay over tls');
      await ada.sees('Bo', `Ada sees Bo after ${scenario}`);
      await bo.sees('Ada', `Bo sees Ada after ${scenario}`);
    }
  });

  test(`video passes both ways through relays of Firefox over ${mode}`, async ({ livekit }, info) => {
    const host = ownAddress();
    test.skip(!host, 'Firefox pairs no relay with a loopback address, and this machine has no other address');
    const server = await Server.startAt(host, '--dev');
    const firefox = await launchFirefox({ 'media.devices.insecure.enabled': true, 'media.getusermedia.insecure.enabled': true });
    try {
      const join = async (identity) => {
        const page = await firefox.newPage();
        await page.evaluateOnNewDocument(onlyRelay(''));
        const one = await joinRoom(page, { ...livekit, url: `ws://${server.address}` }, identity, {
          room: roomNameFor(info), options, connect: { rtcConfig: { iceTransportPolicy: 'relay' } },
        });
        await one.publishCamera({ videoCodec: 'vp8' });
        return one;
      };
      const [ada, bo] = [await join('Ada'), await join('Bo')];
      await ada.sees('Bo');
      await bo.sees('Ada');
    } finally {
      await firefox.close();
      await server.close();
    }
  });
}

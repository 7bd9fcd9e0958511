// Starts Meet's real binary for the tests of one file, and the people who use it.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test as base, expect } from '@playwright/test';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** One running server. It can be ended, politely or not, and started again on the same folder and port. */
export class Server {
  static async start() {
    const folder = mkdtempSync(join(tmpdir(), 'meet-browser-'));
    const binary = join(folder, 'meet');
    execFileSync('go', ['build', '-o', binary, './cmd/meet'], { cwd: repository, stdio: 'inherit' });
    const server = new Server();
    Object.assign(server, { folder, binary, address: `127.0.0.1:${await freePort()}`, output: '' });
    await server.run();
    return server;
  }

  get url() {
    return `http://${this.address}`;
  }

  async run() {
    const args = ['--listen', this.address, '--data-dir', join(this.folder, 'data')];
    this.process = spawn(this.binary, args, { cwd: this.folder });
    const note = (text) => (this.output += text);
    this.process.stdout.on('data', note);
    this.process.stderr.on('data', note);
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
    await expect(async () => expect((await fetch(`${this.url}/readyz`)).ok).toBe(true), this.output).toPass({ timeout: 10_000, intervals: [20] });
  }

  /** Ends the server for good and removes its folder. */
  async close() {
    await this.end('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends the process with a signal and returns its exit status. */
  async end(signal = 'SIGTERM') {
    this.process.kill(signal);
    return await this.ended;
  }
}

/** A loopback port that is free for TCP and UDP alike. */
async function freePort() {
  for (;;) {
    const tcp = createServer();
    const port = await new Promise((resolve) => tcp.listen(0, '127.0.0.1', () => resolve(tcp.address().port)));
    await new Promise((resolve) => tcp.close(resolve));
    const udp = createSocket('udp4');
    const free = await new Promise((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => (free ? udp.close(resolve) : resolve()));
    if (free) return port;
  }
}

/** One person with a browser of their own. */
export class Person {
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.call = page.getByRole('toolbar', { name: 'Call controls' });
  }

  /** Opens the room's link and joins with camera and microphone. */
  async join(link) {
    await this.page.goto(link);
    await this.page.getByRole('textbox', { name: 'Your name' }).fill(this.name);
    await this.page.getByRole('button', { name: 'Join now' }).click();
    await expect(this.call).toBeVisible();
    const states = () => this.page.evaluate(() => globalThis.peerConnections.map((pc) => pc.connectionState));
    await expect.poll(states, `${this.name} is connected`).toContain('connected');
  }

  /** The tile of a participant, by the name it shows. */
  tile(name, source = 'camera') {
    return this.page.locator(`[data-participant="${name}"][data-source="${source}"]`);
  }

  toggle(name) {
    return this.call.getByRole('button', { name, exact: true });
  }

  /** Frames decoded for that tile's video, as the element counts them. */
  async frames(name, source = 'camera') {
    const video = this.tile(name, source).locator('video');
    if ((await video.count()) === 0) return 0;
    return video.first().evaluate((v) => v.getVideoPlaybackQuality().totalVideoFrames);
  }

  /** Waits until the video of that tile moves. */
  async sees(name, source = 'camera') {
    const before = await this.frames(name, source);
    await expect.poll(() => this.frames(name, source), `${this.name} sees ${name}`).toBeGreaterThan(before + 10);
  }

  /** A sum over all connections of the page, by the rtc module's own statistics (W3C webrtc-stats). */
  async received(kind, field) {
    return this.page.evaluate(
      async ([kind, field]) => {
        let sum = 0;
        for (const pc of globalThis.peerConnections ?? []) {
          for (const s of (await pc.getStats()).values()) {
            if (s.type === 'inbound-rtp' && s.kind === kind) sum += s[field] ?? 0;
          }
        }
        return sum;
      },
      [kind, field],
    );
  }

  /** Waits until sound with energy arrives. */
  async hears() {
    const before = await this.received('audio', 'totalAudioEnergy');
    await expect.poll(() => this.received('audio', 'totalAudioEnergy'), `${this.name} hears`).toBeGreaterThan(before + 1e-4);
  }
}

export const test = base.extend({
  server: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.close();
    },
    { scope: 'worker' },
  ],
  /** Makes people; each has a browser context of their own, and none may ask another host for anything. */
  person: async ({ browser, server }, use) => {
    const contexts = [];
    const foreign = [];
    const errors = [];
    await use(async (name, options = {}) => {
      const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: { width: 1440, height: 900 }, ...options });
      contexts.push(context);
      await context.addInitScript(() => {
        globalThis.peerConnections = [];
        const Native = globalThis.RTCPeerConnection;
        globalThis.RTCPeerConnection = class extends Native {
          constructor(...args) {
            super(...args);
            globalThis.peerConnections.push(this);
          }
        };
        globalThis.sockets = [];
        const Socket = globalThis.WebSocket;
        globalThis.WebSocket = class extends Socket {
          constructor(...args) {
            super(...args);
            globalThis.sockets.push(this);
          }
        };
      });
      const page = await context.newPage();
      page.on('request', (r) => {
        const url = new URL(r.url());
        if (/^(https?|wss?):$/.test(url.protocol) && url.host !== server.address) foreign.push(r.url());
      });
      page.on('pageerror', (e) => errors.push(`${name}: ${e}`));
      page.on('console', (m) => {
        if (/Content Security Policy/.test(m.text())) errors.push(`${name}: ${m.text()}`);
      });
      return new Person(page, name);
    });
    for (const c of contexts) await c.close();
    expect(foreign, 'requests to other hosts').toEqual([]);
    expect(errors, 'errors on the pages').toEqual([]);
  },
});

export { expect };

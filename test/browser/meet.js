// Fixtures for tests of Meet's pages: a server for each file, and people who use it in browsers.
import { test as base, expect } from '@playwright/test';
import { waitForMore } from './waitformore.js';
import { Server } from '../server.mjs';

/** Person is a person with a browser context of their own. */
export class Person {
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.call = page.getByRole('toolbar', { name: 'Call controls' });
  }

  /** Opens the link of a meeting and joins with camera and microphone. */
  async join(link) {
    await this.page.goto(link);
    await this.page.getByRole('textbox', { name: 'Your name' }).fill(this.name);
    await this.page.getByRole('button', { name: 'Join now' }).click();
    await expect(this.call).toBeVisible();
    const states = () => this.page.evaluate(() => globalThis.peerConnections.map((pc) => pc.connectionState));
    await expect.poll(states, `${this.name} is connected`).toContain('connected');
  }

  /** Returns the tile with the given name. */
  tile(name, source = 'camera') {
    return this.page.locator(`[data-participant="${name}"][data-source="${source}"]`);
  }

  toggle(name) {
    return this.call.getByRole('button', { name, exact: true });
  }

  /** Returns how many frames the video element of a tile has decoded. If there are several elements, it counts the topmost one. */
  async frames(name, source = 'camera') {
    const video = this.tile(name, source).locator('video');
    if ((await video.count()) === 0) return 0;
    return video.last().evaluate((v) => v.getVideoPlaybackQuality().totalVideoFrames);
  }

  /** Waits until the video of a tile has decoded ten more frames. */
  async sees(name, source = 'camera') {
    const before = await this.frames(name, source);
    await waitForMore(before + 10, () => this.frames(name, source), `${this.name} sees ${name}`);
  }

  /** Returns the sum of a field of the inbound-rtp statistics over all peer connections of the page (W3C webrtc-stats). */
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

  /** Waits until audible audio arrives. */
  async hears() {
    const before = await this.received('audio', 'totalAudioEnergy');
    await waitForMore(before + 1e-4, () => this.received('audio', 'totalAudioEnergy'), `${this.name} hears`);
  }
}

/**
 * Records the peer connections and WebSockets of each page of a context in globalThis.peerConnections and
 * globalThis.sockets.
 */
export const recordConnections = (context) =>
  context.addInitScript(() => {
    for (const [kind, list] of [['RTCPeerConnection', 'peerConnections'], ['WebSocket', 'sockets']]) {
      globalThis[list] = [];
      globalThis[kind] = class extends globalThis[kind] {
        constructor(...args) {
          super(...args);
          globalThis[list].push(this);
        }
      };
    }
  });

/** Returns a fixture that runs a server with the given arguments for each test file. */
export const serverWith = (...args) => [
  // eslint-disable-next-line no-empty-pattern
  async ({}, use) => {
    const server = await Server.start(...args);
    await use(server);
    await server.close();
  },
  { scope: 'worker' },
];

export const test = base.extend({
  server: serverWith(),
  /** Creates people. The test fails if their pages have errors or send requests to other hosts. */
  person: async ({ browser, server }, use) => {
    const contexts = [];
    const foreign = [];
    const errors = [];
    await use(async (name, options = {}) => {
      const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: { width: 1440, height: 900 }, ...options });
      contexts.push(context);
      await recordConnections(context);
      const page = await context.newPage();
      page.on('request', (r) => {
        const url = new URL(r.url());
        if (/^(https?|wss?):$/.test(url.protocol) && url.host !== server.address && !server.hosts.includes(url.host)) foreign.push(r.url());
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

// Fixtures for tests with the unmodified livekit-client, without Meet's pages. LIVEKIT_TEST_URL, LIVEKIT_TEST_KEY and
// LIVEKIT_TEST_SECRET select another server, to compare Meet with LiveKit.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { test as base, expect } from '@playwright/test';
import { AccessToken, TrackSource } from 'livekit-server-sdk';
import { waitForMore } from './waitformore.js';
import { Server } from '../server.mjs';

const library = fileURLToPath(new URL('../../web/app/node_modules/livekit-client/dist/livekit-client.umd.js', import.meta.url));
const encryption = library.replace(/umd\.js$/, 'e2ee.worker.js');

/** Client is a page with livekit-client, which has joined a room. The Room object is the page's global `room`. */
export class Client {
  constructor(page, identity) {
    this.page = page;
    this.identity = identity;
  }

  evaluate(f, arg) {
    return this.page.evaluate(f, arg);
  }

  /** Publishes the fake camera. options are livekit-client's TrackPublishOptions. */
  async publishCamera(options = {}, resolution = { width: 640, height: 360, frameRate: 10 }) {
    await this.evaluate(
      async ([options, resolution]) => {
        const { createLocalVideoTrack, Track } = globalThis.LivekitClient;
        const track = await createLocalVideoTrack({ resolution });
        await room.localParticipant.publishTrack(track, { source: Track.Source.Camera, ...options });
      },
      [options, resolution],
    );
  }

  /**
   * Returns the inbound-rtp statistics of the first track of a kind, with its codec. Without an identity any participant
   * matches.
   */
  inbound(kind = 'video', identity = undefined) {
    return this.evaluate(
      async ([kind, identity]) => {
        for (const participant of room.remoteParticipants.values()) {
          if (identity !== undefined && participant.identity !== identity) continue;
          for (const { track } of participant.trackPublications.values()) {
            if (track?.kind !== kind) continue;
            const stats = [...(await track.getRTCStatsReport()).values()];
            const rtp = stats.find((s) => s.type === 'inbound-rtp');
            return { ...rtp, codec: stats.find((s) => s.id === rtp?.codecId)?.mimeType?.toLowerCase() };
          }
        }
        return {};
      },
      [kind, identity],
    );
  }

  /** Waits until more frames of a participant's video are decoded. */
  async sees(identity, what = `${this.identity} sees ${identity}`) {
    const before = (await this.inbound('video', identity)).framesDecoded ?? 0;
    await waitForMore(before + 10, async () => (await this.inbound('video', identity)).framesDecoded ?? 0, what);
  }

  /** Waits until audible audio arrives from a participant. */
  async hears(identity, what = `${this.identity} hears ${identity}`) {
    const before = (await this.inbound('audio', identity)).totalAudioEnergy ?? 0;
    await waitForMore(before + 1e-4, async () => (await this.inbound('audio', identity)).totalAudioEnergy ?? 0, what);
  }

  /** Returns the names of all room events so far, as in livekit-client's RoomEvent. */
  events() {
    return this.evaluate(() => globalThis.roomEvents.map((e) => e.name));
  }
}

/** Returns the room name of a test. Each retry gets another room. */
export const roomNameFor = (info) => `${info.testId}-${info.retry}`;

/** Joins a room on a new page of Playwright or Puppeteer. The fixture `client` below documents the arguments. */
export async function joinRoom(page, livekit, identity, { room, options = {}, connect = {}, grant = {}, key, ...claims }) {
  const token = new AccessToken(livekit.key, livekit.secret, { identity, name: identity, ttl: '10m', ...claims });
  token.addGrant({ room, roomJoin: true, canUpdateOwnMetadata: true, ...grant });
  await page.goto(livekit.url.replace(/^ws/, 'http') + '/healthz'); // any page of the server, for its origin
  await page.evaluate(await readFile(library, 'utf8')); // not in a script tag, which Firefox ignores on text pages
  await page.evaluate(
    async ([url, token, options, connect, key, worker]) => {
      const { ExternalE2EEKeyProvider, Room, RoomEvent } = globalThis.LivekitClient;
      let encryption;
      if (key !== undefined) {
        const keyProvider = (globalThis.keyProvider = new ExternalE2EEKeyProvider());
        await keyProvider.setKey(key);
        encryption = { keyProvider, worker: new Worker(URL.createObjectURL(new Blob([worker]))) };
      }
      globalThis.room = new Room({ adaptiveStream: false, dynacast: false, encryption, ...options });
      if (encryption) await room.setE2EEEnabled(true);
      globalThis.roomEvents = [];
      for (const name of Object.values(RoomEvent)) room.on(name, (...args) => globalThis.roomEvents.push({ name, args }));
      room.on(RoomEvent.TrackSubscribed, (track) => document.body.append(track.attach()));
      await room.connect(url, token, connect);
    },
    [livekit.url, await token.toJwt(), options, connect, key, key === undefined ? '' : await readFile(encryption, 'utf8')],
  );
  return new Client(page, identity);
}

/** The two connection modes of a client: one peer connection, or one for each direction. */
export const modes = [
  ['one connection', true],
  ['two connections', false],
];

export const test = base.extend({
  livekit: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const { LIVEKIT_TEST_URL: url, LIVEKIT_TEST_KEY: key, LIVEKIT_TEST_SECRET: secret } = process.env;
      if (url) {
        await use({ url, key, secret });
        return;
      }
      const server = await Server.start('--dev');
      await use({ url: `ws://${server.address}`, key: 'devkey', secret: 'secret', server });
      await server.close();
    },
    { scope: 'worker' },
  ],

  /**
   * Joins a room under an identity, on a page of its own. The arguments are `options` (of livekit-client's Room), `connect`
   * (the options of its method connect), `grant`, `metadata` and `attributes` (in the token), `key` (of end-to-end
   * encryption), `room` (another room than the test's), and `prepare` (a script that the page runs first).
   */
  client: async ({ browser, livekit }, use, info) => {
    const contexts = [];
    await use(async (identity, { prepare, ...joining } = {}) => {
      const context = await browser.newContext({ permissions: ['camera', 'microphone'], bypassCSP: true });
      contexts.push(context);
      if (prepare) await context.addInitScript(prepare);
      return joinRoom(await context.newPage(), livekit, identity, { room: roomNameFor(info), ...joining });
    });
    for (const context of contexts) await context.close();
  },
});

export { expect, TrackSource };

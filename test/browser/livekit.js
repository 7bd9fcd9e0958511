// What the tests of LiveKit's own livekit-client share: unmodified, without our pages. Another server can be named by
// LIVEKIT_TEST_URL, LIVEKIT_TEST_KEY and LIVEKIT_TEST_SECRET, to compare Meet with LiveKit's.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { test as base, expect } from '@playwright/test';
import { AccessToken, TrackSource } from 'livekit-server-sdk';
import { waitForMore } from './progress.js';
import { Server } from '../server.mjs';

const library = fileURLToPath(new URL('../../web/app/node_modules/livekit-client/dist/livekit-client.umd.js', import.meta.url));
const encryption = library.replace(/umd\.js$/, 'e2ee.worker.js');

/** A page with livekit-client in one room; the room is the page's global `room`. */
export class Client {
  constructor(page, identity) {
    this.page = page;
    this.identity = identity;
  }

  evaluate(f, arg) {
    return this.page.evaluate(f, arg);
  }

  /** Publishes the fake camera; the options are livekit-client's TrackPublishOptions. */
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

  /** Statistics of the first track of that kind from that participant, or from anybody: the inbound-rtp report and its codec. */
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

  /** Waits until that participant's video moves. */
  async sees(identity, what = `${this.identity} sees ${identity}`) {
    const before = (await this.inbound('video', identity)).framesDecoded ?? 0;
    await waitForMore(before + 10, async () => (await this.inbound('video', identity)).framesDecoded ?? 0, what);
  }

  /** Waits until sound with energy comes from that participant. */
  async hears(identity, what = `${this.identity} hears ${identity}`) {
    const before = (await this.inbound('audio', identity)).totalAudioEnergy ?? 0;
    await waitForMore(before + 1e-4, async () => (await this.inbound('audio', identity)).totalAudioEnergy ?? 0, what);
  }

  /** The names of the room events seen so far, those of livekit-client's RoomEvent. */
  events() {
    return this.evaluate(() => globalThis.roomEvents.map((e) => e.name));
  }
}

/** The room of a test, another one for each try. */
export const roomOf = (info) => `${info.testId}-${info.retry}`;

/** Joins a room on a fresh page, of Playwright or Puppeteer; the fixture `client` below says what it takes. */
export async function enter(page, livekit, identity, { room, options = {}, connect = {}, grant = {}, key, ...claims }) {
  const token = new AccessToken(livekit.key, livekit.secret, { identity, name: identity, ttl: '10m', ...claims });
  token.addGrant({ room, roomJoin: true, canUpdateOwnMetadata: true, ...grant });
  await page.goto(livekit.url.replace(/^ws/, 'http') + '/healthz'); // any page of that host will do
  await page.evaluate(await readFile(library, 'utf8')); // not as a script tag, which Firefox does not run in a page of text
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

/** Both ways a client can connect: one peer connection for all, or one for each direction. */
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
   * Joins a room as somebody, on a page of its own. Besides the options of livekit-client's Room and of connect it takes
   * grant, metadata and attributes for the token, key to encrypt end to end with, and prepare, a function that runs in the
   * page before everything else.
   */
  client: async ({ browser, livekit }, use, info) => {
    const contexts = [];
    await use(async (identity, { prepare, ...joining } = {}) => {
      const context = await browser.newContext({ permissions: ['camera', 'microphone'], bypassCSP: true });
      contexts.push(context);
      if (prepare) await context.addInitScript(prepare);
      return enter(await context.newPage(), livekit, identity, { room: roomOf(info), ...joining });
    });
    for (const context of contexts) await context.close();
  },
});

export { expect, TrackSource };

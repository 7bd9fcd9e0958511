// What the tests of this folder share: the server, tokens for it, and waiting.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { dispose } from '@livekit/rtc-node';
import { AccessToken } from 'livekit-server-sdk';

import { Server } from '../server.mjs';

// Another server can be named, to compare Meet with LiveKit's own.
const { LIVEKIT_TEST_URL: url, LIVEKIT_TEST_KEY: key, LIVEKIT_TEST_SECRET: secret } = process.env;
export const server = { url, key, secret };

let meet;
before(async () => {
  if (url) return;
  meet = await Server.start('--dev');
  Object.assign(server, { url: `ws://${meet.address}`, key: 'devkey', secret: 'secret' });
});
after(async () => {
  await dispose();
  await meet?.close();
});

export async function mint(room, identity, secret = server.secret) {
  const token = new AccessToken(server.key, secret, { identity, name: identity, ttl: '5m' });
  token.addGrant({ roomJoin: true, room, canUpdateOwnMetadata: true });
  return token.toJwt();
}

/** Looks every 20 ms until the condition holds. */
export async function eventually(condition, what) {
  for (const deadline = Date.now() + 20_000; !condition(); await pause(20)) {
    if (Date.now() > deadline) assert.fail(`gave up waiting for ${typeof what === 'function' ? what() : what}`);
  }
}

// Shared by the tests in this folder: the server, access tokens, polling, and API clients.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { dispose } from '@livekit/rtc-node';
import { AccessToken } from 'livekit-server-sdk';

import { Server } from '../server.mjs';

// The environment can select another server, to compare Meet with LiveKit.
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

/** Returns an access token for a room. */
export async function mint(room, identity, secret = server.secret) {
  const token = new AccessToken(server.key, secret, { identity, name: identity, ttl: '5m' });
  token.addGrant({ roomJoin: true, room, canUpdateOwnMetadata: true });
  return token.toJwt();
}

/** Waits until the condition is true, checking every 20 ms. It fails after a minute. */
export async function eventually(condition, what) {
  for (const deadline = Date.now() + 60_000; !condition(); await pause(20)) {
    if (Date.now() > deadline) assert.fail(`gave up waiting for ${typeof what === 'function' ? what() : what}`);
  }
}

const called = new Map();

/** Returns a client of a server API that records which of its methods are called. */
export function client(Kind) {
  const names = called.get(Kind) ?? new Set();
  called.set(Kind, names);
  return new Proxy(new Kind(server.url.replace(/^ws/, 'http'), server.key, server.secret), {
    get(target, name) {
      if (typeof target[name] !== 'function') return target[name];
      names.add(name);
      return target[name].bind(target);
    },
  });
}

/** Returns the methods of a client that no test has called, without helpers that send no request. */
export function uncalledMethods(Kind) {
  const names = called.get(Kind) ?? new Set();
  return Object.getOwnPropertyNames(Kind.prototype).filter((n) => n !== 'constructor' && !/^(is|get)\w*Outputs?(Params)?$/.test(n) && !names.has(n));
}

/** Asserts that a call fails with a Twirp error code and an HTTP status. */
export async function refused(call, code, status) {
  await assert.rejects(call, (err) => {
    assert.equal(err.code, code, `${err}`);
    assert.equal(err.status, status);
    return true;
  });
}

let rooms = 0;
export const newRoom = () => `api-${Date.now()}-${rooms++}`;

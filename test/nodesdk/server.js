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
  for (const deadline = Date.now() + 60_000; !condition(); await pause(20)) {
    if (Date.now() > deadline) assert.fail(`gave up waiting for ${typeof what === 'function' ? what() : what}`);
  }
}

const called = new Map();

/** A client of one of the server APIs; which of its methods are called is noted. */
export function client(Kind) {
  const names = called.get(Kind) ?? new Set();
  called.set(Kind, names);
  return new Proxy(new Kind(server.url.replace(/^ws/, 'http'), server.key, server.secret), {
    get(it, name) {
      if (typeof it[name] !== 'function') return it[name];
      names.add(name);
      return it[name].bind(it);
    },
  });
}

/** The methods of a client that were not called, without helpers that call nobody. */
export function uncalled(Kind) {
  const names = called.get(Kind) ?? new Set();
  return Object.getOwnPropertyNames(Kind.prototype).filter((n) => n !== 'constructor' && !/^(is|get)\w*Outputs?(Params)?$/.test(n) && !names.has(n));
}

/** The call fails with that code of Twirp's and that status. */
export async function refused(call, code, status) {
  await assert.rejects(call, (err) => {
    assert.equal(err.code, code, `${err}`);
    assert.equal(err.status, status);
    return true;
  });
}

let rooms = 0;
export const newRoom = () => `api-${Date.now()}-${rooms++}`;

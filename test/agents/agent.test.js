// LiveKit's agent worker with Meet's binary: it registers and gets jobs, and its agents join rooms.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { ParticipantKind, Room, dispose } from '@livekit/rtc-node';
import { AccessToken, AgentDispatchClient, RoomAgentDispatch, RoomConfiguration, RoomServiceClient } from 'livekit-server-sdk';

import { Server } from '../server.mjs';

const key = 'devkey';
const secret = 'secret';
const program = fileURLToPath(new URL('worker.js', import.meta.url));
let server;
let rooms;
let dispatches;

before(async () => {
  server = await Server.start('--keys', `${key}: ${secret}`);
  rooms = new RoomServiceClient(server.url, key, secret);
  dispatches = new AgentDispatchClient(server.url, key, secret);
});

after(async () => {
  await dispose();
  await server.close();
});

const registered = () => server.output.split('agent worker registered').length - 1;

/**
 * Starts a worker process for an agent name and waits until it has registered. It returns a function that ends the worker.
 */
async function startWorker(t, agentName) {
  const before = registered();
  const worker = spawn(process.execPath, [program, server.url.replace('http', 'ws'), agentName], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => worker.once('close', resolve));
  const end = async (signal) => {
    worker.kill(signal);
    await ended;
  };
  t.after(() => end('SIGTERM'));
  await until('the worker registers', async () => registered() > before);
  return end;
}

async function until(what, check) {
  for (const deadline = Date.now() + 60_000; ; await pause(100)) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`timed out waiting until ${what}\n${server.output}`);
  }
}

const agentsIn = async (room) => (await rooms.listParticipants(room)).filter((p) => p.kind === 4 && p.attributes.said);

const agentIn = (room) =>
  until('the agent joins', async () => {
    const [agent] = await agentsIn(room);
    return agent;
  });

test('a dispatched agent joins and leaves when its dispatch is deleted', async (t) => {
  await startWorker(t, 'scribe');
  await rooms.createRoom({ name: 'noted' });
  const made = await dispatches.createDispatch('noted', 'scribe', { metadata: 'the back end' });
  const agent = await agentIn('noted');
  assert.equal(agent.attributes.said, 'hello from the back end');
  assert.equal(agent.attributes['lk.agent_name'], 'scribe');
  assert.equal((await rooms.listRooms(['noted']))[0].numParticipants, 0, 'agents do not count as participants');
  const shown = await dispatches.getDispatch(made.id, 'noted');
  assert.equal(shown.state.jobs[0].state.participantIdentity, agent.identity);
  await dispatches.deleteDispatch(made.id, 'noted');
  await until('the agent leaves', async () => (await agentsIn('noted')).length === 0);
});

test('a room configuration in a token dispatches an agent that the participant sees', async (t) => {
  await startWorker(t, 'greeter');
  const token = new AccessToken(key, secret, { identity: 'ada' });
  token.addGrant({ roomJoin: true, room: 'greeted' });
  token.roomConfig = new RoomConfiguration({ agents: [new RoomAgentDispatch({ agentName: 'greeter', metadata: 'a token' })] });
  const room = new Room();
  t.after(() => room.disconnect());
  await room.connect(server.url.replace('http', 'ws'), await token.toJwt(), { autoSubscribe: true, dynacast: false });
  const seen = () => [...room.remoteParticipants.values()].find((p) => p.info.kind === ParticipantKind.AGENT);
  const agent = await until('ada sees the agent', async () => seen()?.attributes.said && seen());
  assert.equal(agent.attributes.said, 'hello from a token');
});

test('a worker without a name gets the jobs of rooms that name no agent', async (t) => {
  await startWorker(t, '');
  await rooms.createRoom({ name: 'any' });
  assert.equal((await agentIn('any')).attributes.said, 'hello from nobody');
  await rooms.deleteRoom('any');
});

test('a job of a killed worker is assigned to another worker', async (t) => {
  const end = await startWorker(t, 'phoenix');
  await dispatches.createDispatch('ashes', 'phoenix', { metadata: 'the fire' });
  const first = await agentIn('ashes');
  await end('SIGKILL');
  await startWorker(t, 'phoenix');
  const again = await until('another agent joins', async () => (await agentsIn('ashes')).find((p) => p.sid !== first.sid));
  assert.equal(again.attributes.said, 'hello from the fire');
});

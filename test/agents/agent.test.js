// LiveKit's own agent worker against the binary: it registers, gets jobs, and its agents join.
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

/** A worker for agents of that name, as a process that the test ends. */
async function hire(t, agentName) {
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
    if (Date.now() > deadline) throw new Error(`never: ${what}\n${server.output}`);
  }
}

const agentsIn = async (room) => (await rooms.listParticipants(room)).filter((p) => p.kind === 4 && p.attributes.said);

const agentIn = (room) =>
  until('the agent joins', async () => {
    const [agent] = await agentsIn(room);
    return agent;
  });

test('an agent that is dispatched joins, and goes with its dispatch', async (t) => {
  await hire(t, 'scribe');
  await rooms.createRoom({ name: 'noted' });
  const made = await dispatches.createDispatch('noted', 'scribe', { metadata: 'the back end' });
  const agent = await agentIn('noted');
  assert.equal(agent.attributes.said, 'hello from the back end');
  assert.equal(agent.attributes['lk.agent_name'], 'scribe');
  assert.equal((await rooms.listRooms(['noted']))[0].numParticipants, 0, 'agents are not counted');
  const shown = await dispatches.getDispatch(made.id, 'noted');
  assert.equal(shown.state.jobs[0].state.participantIdentity, agent.identity);
  await dispatches.deleteDispatch(made.id, 'noted');
  await until('the agent leaves', async () => (await agentsIn('noted')).length === 0);
});

test('a token orders an agent for the room that its bearer opens, who sees it as one', async (t) => {
  await hire(t, 'greeter');
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

test('a worker without a name is for every room that names none', async (t) => {
  await hire(t, '');
  await rooms.createRoom({ name: 'any' });
  assert.equal((await agentIn('any')).attributes.said, 'hello from nobody');
  await rooms.deleteRoom('any');
});

test('a worker that is killed is replaced by the next one', async (t) => {
  const end = await hire(t, 'phoenix');
  await dispatches.createDispatch('ashes', 'phoenix', { metadata: 'the fire' });
  const first = await agentIn('ashes');
  await end('SIGKILL');
  await hire(t, 'phoenix');
  const again = await until('another agent joins', async () => (await agentsIn('ashes')).find((p) => p.sid !== first.sid));
  assert.equal(again.attributes.said, 'hello from the fire');
});

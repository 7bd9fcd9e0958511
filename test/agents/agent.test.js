// LiveKit's own agent worker against the binary: it registers, gets jobs, and its agents join.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AgentServer, ServerOptions, initializeLogger } from '@livekit/agents';
import { AgentDispatchClient, RoomServiceClient } from 'livekit-server-sdk';
import { Server } from '../server.mjs';

const key = 'devkey';
const secret = 'secret';
const assistant = fileURLToPath(new URL('assistant.js', import.meta.url));
let server;
let rooms;
let dispatches;

before(async () => {
  initializeLogger({ pretty: false, level: 'warn' });
  server = await Server.start('--keys', `${key}: ${secret}`);
  rooms = new RoomServiceClient(server.url, key, secret);
  dispatches = new AgentDispatchClient(server.url, key, secret);
});

after(() => server.close());

/** A running worker for agents of that name. */
async function hire(agentName) {
  const worker = new AgentServer(new ServerOptions({
    agent: assistant, agentName, wsURL: server.url.replace('http', 'ws'), apiKey: key, apiSecret: secret,
    numIdleProcesses: 1, shutdownProcessTimeout: 2000, port: 0, host: '127.0.0.1', logLevel: 'warn', loadFunc: async () => 0, production: false,
  }));
  const running = worker.run();
  await until('the worker registers', async () => server.output.includes(`agent=${agentName}`) || (agentName === '' && server.output.includes('agent=""')));
  return { worker, fire: () => worker.close().then(() => running) };
}

async function until(what, check) {
  for (const deadline = Date.now() + 60_000; ; await pause(100)) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`never: ${what}\n${server.output}`);
  }
}

const agentsIn = async (room) => (await rooms.listParticipants(room)).filter((p) => p.kind === 4 && p.attributes.said);

test('an agent that is dispatched joins, and goes with its dispatch', async () => {
  const { worker, fire } = await hire('scribe');
  try {
    await rooms.createRoom({ name: 'noted' });
    const made = await dispatches.createDispatch('noted', 'scribe', { metadata: 'the back end' });
    const [agent] = await until('the agent joins', async () => {
      const found = await agentsIn('noted');
      return found.length > 0 && found;
    });
    assert.equal(agent.attributes.said, 'hello from the back end');
    assert.equal(agent.attributes['lk.agent_name'], 'scribe');
    assert.equal((await rooms.listRooms(['noted']))[0].numParticipants, 0, 'agents are not counted');
    const shown = await dispatches.getDispatch(made.id, 'noted');
    assert.equal(shown.state.jobs[0].state.participantIdentity, agent.identity);
    assert.equal(worker.activeJobs.length, 1);
    await dispatches.deleteDispatch(made.id, 'noted');
    await until('the agent leaves', async () => (await agentsIn('noted')).length === 0);
  } finally {
    await fire();
  }
});

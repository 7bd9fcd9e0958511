// Runs LiveKit's agent worker: node worker.js <server URL> <agent name>.
import { fileURLToPath } from 'node:url';

import { AgentServer, ServerOptions, initializeLogger } from '@livekit/agents';

const [, , wsURL, agentName] = process.argv;
initializeLogger({ pretty: false, level: 'warn' });
const worker = new AgentServer(new ServerOptions({
  agent: fileURLToPath(new URL('assistant.js', import.meta.url)), agentName, wsURL, apiKey: 'devkey', apiSecret: 'secret',
  numIdleProcesses: 1, shutdownProcessTimeout: 2000, port: 0, host: '127.0.0.1', logLevel: 'warn', loadFunc: async () => 0, production: false,
}));
process.once('SIGTERM', () => worker.close().then(() => process.exit(0)));
await worker.run();

// Starts Meet's real binary on a free loopback port, or uses the server that LIVEKIT_TEST_URL, LIVEKIT_TEST_KEY and
// LIVEKIT_TEST_SECRET name.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** @returns {Promise<{url: string, key: string, secret: string, stop: () => Promise<void>}>} */
export async function startServer() {
  const { LIVEKIT_TEST_URL: url, LIVEKIT_TEST_KEY: key, LIVEKIT_TEST_SECRET: secret } = process.env;
  if (url && key && secret) return { url, key, secret, stop: async () => {} };

  const folder = mkdtempSync(join(tmpdir(), 'meet-nodesdk-'));
  const binary = join(folder, 'meet');
  execFileSync('go', ['build', '-o', binary, './cmd/meet'], { cwd: repository, stdio: 'inherit' });
  const address = `127.0.0.1:${await freePort()}`;
  const meet = spawn(binary, ['--listen', address, '--data-dir', join(folder, 'data'), '--dev'], { cwd: folder });
  let output = '';
  meet.stdout.on('data', (text) => (output += text));
  meet.stderr.on('data', (text) => (output += text));
  const ended = new Promise((resolve) => meet.once('close', resolve));
  const stop = async () => {
    meet.kill('SIGINT');
    const code = await ended;
    rmSync(folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`meet ended with status ${code}:\n${output}`);
  };
  for (const deadline = Date.now() + 20_000; ; await pause(20)) {
    const answer = await fetch(`http://${address}/`).catch(() => undefined);
    if (answer?.ok) return { url: `ws://${address}`, key: 'devkey', secret: 'secret', stop };
    if (meet.exitCode !== null || Date.now() > deadline) {
      meet.kill('SIGKILL');
      throw new Error(`meet does not answer:\n${output}`);
    }
  }
}

/** A loopback port that is free for TCP and UDP alike. */
async function freePort() {
  for (;;) {
    const tcp = createServer();
    const port = await new Promise((resolve) => tcp.listen(0, '127.0.0.1', () => resolve(tcp.address().port)));
    await new Promise((resolve) => tcp.close(resolve));
    const udp = createSocket('udp4');
    const free = await new Promise((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, '127.0.0.1', () => resolve(true));
    });
    if (free) {
      await new Promise((resolve) => udp.close(resolve));
      return port;
    }
  }
}

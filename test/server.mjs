// Starts Meet's real binary for the tests in JavaScript.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** One server with a folder and a port of its own. It can be ended, politely or not, and run again on both. */
export class Server {
  output = '';
  /** The hosts by which proxies serve it. */
  hosts = [];

  /** Builds the binary and runs it with these further arguments. */
  static async start(...args) {
    const server = new Server();
    server.build();
    server.address = `127.0.0.1:${await freePort()}`;
    server.args = ['--listen', server.address, '--data-dir', join(server.folder, 'data'), ...args];
    await server.run();
    return server;
  }

  /** Runs it in a network namespace, on all its addresses. */
  static async startIn(namespace, ...args) {
    const server = new Server();
    server.build();
    server.namespace = namespace;
    server.port = 8080; // nothing else is there
    server.args = ['--listen', `:${server.port}`, '--data-dir', join(server.folder, 'data'), ...args];
    await server.run();
    return server;
  }

  build() {
    this.folder = mkdtempSync(join(tmpdir(), 'meet-test-'));
    this.binary = join(this.folder, 'meet');
    execFileSync('go', ['build', '-o', this.binary, './cmd/meet'], { cwd: repository, stdio: 'inherit' });
  }

  get url() {
    return `http://${this.address}`;
  }

  /** Runs the process and waits until it is ready. */
  async run() {
    const [program, ...args] = this.namespace ? ['ip', 'netns', 'exec', this.namespace, this.binary] : [this.binary];
    this.process = spawn(program, [...args, ...this.args], { cwd: this.folder });
    const note = (text) => (this.output += text);
    this.process.stdout.on('data', note);
    this.process.stderr.on('data', note);
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
    for (const deadline = Date.now() + 60_000; ; await pause(20)) {
      if (await this.isReady()) return;
      if (this.process.exitCode !== null || Date.now() > deadline) {
        this.process.kill('SIGKILL');
        throw new Error(`meet does not answer:\n${this.output}`);
      }
    }
  }

  /** From another namespace there is only what it prints. */
  async isReady() {
    if (this.namespace) return this.output.includes('Listening');
    const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
    return answer?.ok ?? false;
  }

  /** Ends the process with a signal and returns its exit status, null if the signal killed it. */
  async end(signal = 'SIGTERM') {
    this.process.kill(signal);
    return await this.ended;
  }

  /** Ends the server for good and removes its folder. A status other than 0 is an error. */
  async close() {
    const status = await this.end();
    rmSync(this.folder, { recursive: true, force: true });
    if (status !== 0) throw new Error(`meet ended with status ${status}:\n${this.output}`);
  }
}

/** A loopback port that is free for TCP and UDP alike. */
export async function freePort() {
  for (;;) {
    const tcp = createServer();
    const port = await new Promise((resolve) => tcp.listen(0, '127.0.0.1', () => resolve(tcp.address().port)));
    await new Promise((resolve) => tcp.close(resolve));
    const udp = createSocket('udp4');
    const free = await new Promise((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => (free ? udp.close(resolve) : resolve()));
    if (free) return port;
  }
}

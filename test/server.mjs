// Runs Meet's binary for the tests in JavaScript.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** Server is a process of Meet with its own data folder and port. After end, run starts a process with the same ones. */
export class Server {
  output = '';
  /** The addresses, as host and port, of proxies in front of the server. Pages may send requests to them. */
  hosts = [];

  /** Builds the binary and runs it on a loopback address with additional arguments. */
  static start(...args) {
    return Server.startAt('127.0.0.1', ...args);
  }

  /** Builds the binary and runs it on an address of this machine with additional arguments. */
  static async startAt(host, ...args) {
    const server = new Server();
    server.build();
    server.address = `${host}:${await freePort(host)}`;
    server.args = ['--listen', server.address, '--data-dir', join(server.folder, 'data'), ...args];
    await server.run();
    return server;
  }

  /** Builds the binary and runs it in a network namespace, listening on all its addresses. */
  static async startIn(namespace, ...args) {
    const server = new Server();
    server.build();
    server.namespace = namespace;
    server.port = 8080; // free in a new namespace
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

  /** Starts the process and waits until it is ready. */
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

  /** Reports whether the server is ready. In another namespace it cannot be reached, so its output is checked. */
  async isReady() {
    if (this.namespace) return this.output.includes('Listening');
    const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
    return answer?.ok ?? false;
  }

  /** Sends a signal, waits for the end of the process and returns its exit status, or null if the signal killed it. */
  async end(signal = 'SIGTERM') {
    this.process.kill(signal);
    return await this.ended;
  }

  /** Ends the process and removes its folder. It throws if the exit status is not 0. */
  async close() {
    const status = await this.end();
    rmSync(this.folder, { recursive: true, force: true });
    if (status !== 0) throw new Error(`meet ended with status ${status}:\n${this.output}`);
  }
}

/** Returns a port of an address of this machine that is free for both TCP and UDP. */
export async function freePort(host = '127.0.0.1') {
  for (;;) {
    const tcp = createServer();
    const port = await new Promise((resolve) => tcp.listen(0, host, () => resolve(tcp.address().port)));
    await new Promise((resolve) => tcp.close(resolve));
    const udp = createSocket('udp4');
    const free = await new Promise((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, host, () => resolve(true));
    });
    await new Promise((resolve) => (free ? udp.close(resolve) : resolve()));
    if (free) return port;
  }
}

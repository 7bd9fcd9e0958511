// Runs Debian's nginx, Apache, Caddy and HAProxy on free local ports, with the configurations in docs/proxies.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../server.mjs';

const root = process.getuid() === 0;

/** How each proxy is started, and the configuration file that it reads with all its sites. */
const programs = {
  nginx: {
    examples: /^nginx/,
    command: (file) => ['/usr/sbin/nginx', '-e', 'stderr', '-c', file],
    wrap: (sites, folder) => `
      daemon off;
      master_process off;
      pid ${folder}/nginx.pid;
      error_log stderr;
      events {}
      http {
        access_log off;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/nginx-${kind};`).join('\n')}
        ${sites.map(({ text }) => text).join('\n')}
      }`,
  },
  apache: {
    examples: /^apache/,
    command: (file) => ['/usr/sbin/apache2', '-X', '-f', file],
    wrap: (sites, folder) => `
      ServerRoot /usr/lib/apache2
      ServerName localhost
      DefaultRuntimeDir ${folder}
      PidFile ${folder}/apache.pid
      Mutex file:${folder} default
      ErrorLog ${folder}/apache.log
      ${root ? 'User www-data\nGroup www-data' : ''}
      ${['mpm_event', 'authz_core', 'headers', 'ssl', 'socache_shmcb', 'proxy', 'proxy_http'].map((name) => `LoadModule ${name}_module modules/mod_${name}.so`).join('\n')}
      ${sites.map(({ port, text }) => `Listen 127.0.0.1:${port}\n${text}`).join('\n')}`,
  },
  haproxy: {
    examples: /^haproxy/,
    command: (file) => ['/usr/sbin/haproxy', '-db', '-f', file],
    wrap: (sites) => sites.map(({ text }) => text).join('\n'),
  },
  caddy: {
    examples: /^Caddyfile/,
    command: (file) => ['/usr/bin/caddy', 'run', '--adapter', 'caddyfile', '--config', file],
    wrap: (sites) => `{\nadmin off\nauto_https disable_redirects\n}\n${sites.map(({ text }) => text).join('\n')}`,
  },
};

/**
 * Returns the example configuration docs/proxies/<name>, changed to a local port, certificate and server. If the regular
 * expression omit is set, lines that match it are removed.
 */
function example(name, folder, port, server, omit) {
  const file = fileURLToPath(new URL(`../../docs/proxies/${name}`, import.meta.url));
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines
    .filter((line) => !omit?.test(line))
    .join('\n')
    .replaceAll('127.0.0.1:8080', server.address)
    .replaceAll(/(listen |\*:)443\b/g, (_, before) => `${before === '*:' ? '' : before}127.0.0.1:${port}`)
    .replaceAll(/^(meet\.)?example\.org {/gm, `https://localhost:${port} {\n\ttls ${folder}/tls.pem ${folder}/tls.key`)
    .replaceAll(/(meet\.)?example\.org\b(?!\.)/g, 'localhost')
    .replaceAll(/\/etc\/ssl\/\S+\.(pem|key)/g, `${folder}/tls.$1`);
}

/** Creates a certificate for localhost, tls.pem, and its key, tls.key, in a folder. */
export function createCertificate(folder) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost', '-keyout', join(folder, 'tls.key'), '-out', join(folder, 'tls.pem')], { stdio: 'pipe' });
}

/** Proxies runs the proxies in front of servers. Each site is https://localhost with a port of its own. */
export class Proxies {
  running = [];

  /** Starts the proxies for sites of the form {example, server, omit, base}, and adds port and url to each. */
  static async start(sites) {
    const proxies = new Proxies();
    const folder = (proxies.folder = mkdtempSync(join(tmpdir(), 'meet-proxies-')));
    createCertificate(folder);
    for (const site of sites) {
      site.port = await freePort();
      site.text = example(site.example, folder, site.port, site.server, site.omit);
      site.url = `https://localhost:${site.port}${site.base ?? ''}`;
      site.server.hosts.push(`localhost:${site.port}`);
    }
    for (const [name, { examples, command, wrap }] of Object.entries(programs)) {
      const own = sites.filter((site) => examples.test(site.example));
      const file = join(folder, `${name}.conf`);
      writeFileSync(file, wrap(own, folder));
      proxies.running.push(new ProxyProcess(name, command(file), folder, own));
    }
    try {
      for (const running of proxies.running) await running.answers();
    } catch (error) {
      await proxies.close();
      throw error;
    }
    return proxies;
  }

  async close() {
    for (const running of this.running) await running.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** ProxyProcess is one running proxy. */
class ProxyProcess {
  output = '';

  constructor(name, [file, ...args], folder, sites) {
    this.name = name;
    this.sites = sites;
    this.process = spawn(file, args, { cwd: folder, env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } });
    const note = (text) => (this.output += text);
    this.process.stdout.on('data', note);
    this.process.stderr.on('data', note);
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
  }

  /** Waits until all sites of the proxy accept connections. */
  async answers() {
    for (const deadline = Date.now() + 20_000; ; await pause(20)) {
      const open = await Promise.all(this.sites.map(({ port }) => accepts(port)));
      if (open.every(Boolean)) return;
      if (this.process.exitCode !== null || Date.now() > deadline) throw new Error(`${this.name} does not answer:\n${this.output}`);
    }
  }

  async end() {
    this.process.kill('SIGTERM');
    await this.ended;
  }
}

const accepts = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end());
    socket.once('error', () => resolve(false)).once('close', () => resolve(true));
  });

// Networks of namespaces (Linux) for tests of restricted networks: clients behind a router, and the server.
//
//   client 10.78.1.2 ── 10.78.1.1 router 10.78.2.1 ── 10.78.2.2 server
//          fd78:1::2 ── fd78:1::1        fd78:2::1 ── fd78:2::2
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const run = (command, args, input) => execFileSync(command, args, { input, stdio: ['pipe', 'pipe', 'pipe'] }).toString();
const ip = (...args) => run('ip', args);

/** Whether this user may create network namespaces, which only root may. */
export const canCreateNetworks = process.getuid() === 0;

/** The address of the server, and that of the router towards the clients. */
export const serverAddress = { 4: '10.78.2.2', 6: 'fd78:2::2' };
export const routerAddress = '10.78.1.1';

let created = 0;

/** Network consists of the three namespaces. Its methods change what the router lets through. */
export class Network {
  programs = [];

  /** Creates a network that has only the given IP version, 4 or 6. */
  constructor(version = 4) {
    this.version = version;
    const suffix = `${process.pid}-${++created}`;
    this.names = Object.fromEntries(['client', 'router', 'server'].map((role) => [role, `meet-${role}-${suffix}`]));
    const { client, router, server } = this.names;
    for (const name of [client, router, server]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    this.link(client, router, 1);
    this.link(router, server, 2);
    const family = version === 6 ? '-6' : '-4';
    ip('-n', client, family, 'route', 'add', 'default', 'via', this.address(1, 1));
    ip('-n', server, family, 'route', 'add', 'default', 'via', this.address(2, 1));
    this.inside('router', 'sysctl', '-qw', version === 6 ? 'net.ipv6.conf.all.forwarding=1' : 'net.ipv4.ip_forward=1');
  }

  address(net, host) {
    return this.version === 6 ? `fd78:${net}::${host}` : `10.78.${net}.${host}`;
  }

  /** Connects two namespaces by the network with the given number, as its hosts 1 (the router) and 2. */
  link(one, two, net) {
    ip('link', 'add', `to-${net}`, 'netns', one, 'type', 'veth', 'peer', 'name', `to-${net}`, 'netns', two);
    for (const namespace of [one, two]) {
      const host = namespace === this.names.router ? 1 : 2;
      ip('-n', namespace, 'addr', 'add', `${this.address(net, host)}/${this.version === 6 ? 64 : 24}`, 'dev', `to-${net}`, ...(this.version === 6 ? ['nodad'] : []));
      ip('-n', namespace, 'link', 'set', `to-${net}`, 'up');
    }
  }

  /** Runs a program in the namespace of a role and returns its output. */
  inside(role, ...command) {
    return ip('netns', 'exec', this.names[role], ...command);
  }

  /** Replaces the rules of the router (nft(8)). */
  setRules(rules) {
    run('ip', ['netns', 'exec', this.names.router, 'nft', '-f', '-'], `flush ruleset\n${rules}`);
  }

  /** Lets clients open connections only to the given TCP ports of the server. Without ports, nothing passes the router. */
  allowOnlyTCP(...ports) {
    const allow = ports.length > 0 ? `tcp dport { ${ports.join(', ')} } accept;` : '';
    this.setRules(`table inet filter { chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; ${allow} }; }`);
  }

  /** Hides the clients behind the router's address, and lets the server reach only the router. */
  masquerade() {
    ip('-n', this.names.server, '-4', 'route', 'del', 'default');
    this.setRules('table ip nat { chain post { type nat hook postrouting priority 100; oifname "to-2" masquerade; }; }');
  }

  /** Starts a forward proxy on the router that allows only TLS connections, and returns its URL. */
  async startTLSProxy() {
    const script = fileURLToPath(new URL('tlsproxy.js', import.meta.url));
    const proxy = spawn('ip', ['netns', 'exec', this.names.router, process.execPath, script, routerAddress, '3128'], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.programs.push(proxy);
    await once(proxy.stdout, 'data'); // it prints a line when it listens
    return `http://${routerAddress}:3128`;
  }

  /** Writes a script that runs a program as a client, for Playwright's executablePath, and returns its path. */
  wrap(program, folder) {
    const path = join(folder, `in-${this.names.client}`);
    writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${this.names.client} ${program} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  async remove() {
    for (const program of this.programs) {
      program.kill();
      await once(program, 'close');
    }
    for (const name of Object.values(this.names)) ip('netns', 'del', name);
  }
}

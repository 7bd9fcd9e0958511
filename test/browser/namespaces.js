// Network namespaces (Linux) for tests of network paths: one for the server and one for each of two browsers.
//
//   ada 10.77.1.2 ── 10.77.1.1 server 10.77.2.1 ── 10.77.2.2 bo
//       10.77.3.1 ───────────── direct ──────────── 10.77.3.2
//
// The server does not forward packets, so without the direct link each browser reaches only the server.
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

/** Whether this user may create network namespaces, which only root may. */
export const canCreateNamespaces = process.getuid() === 0;

/** Creates the three namespaces and returns functions to use and remove them. */
export function createNamespaces() {
  const name = (role) => `meet-${role}-${process.pid}`;
  const [server, ada, bo] = ['server', 'ada', 'bo'].map(name);
  const inside = (namespace, ...args) => execFileSync('ip', ['netns', 'exec', namespace, ...args]).toString();
  for (const namespace of [server, ada, bo]) {
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }
  const link = (one, two, net) => {
    ip('link', 'add', `to-${net}`, 'netns', one, 'type', 'veth', 'peer', 'name', `to-${net}`, 'netns', two);
    for (const [i, namespace] of [one, two].entries()) {
      ip('-n', namespace, 'addr', 'add', `10.77.${net}.${i + 1}/24`, 'dev', `to-${net}`);
      ip('-n', namespace, 'link', 'set', `to-${net}`, 'up');
    }
  };
  link(server, ada, 1);
  link(server, bo, 2);
  link(ada, bo, 3);
  return {
    server, ada, bo,
    addresses: { ada: '10.77.1.1', bo: '10.77.2.1' },
    /** Enables or disables the direct link between the browsers. */
    setDirect: (up) => ip('-n', ada, 'link', 'set', 'to-3', up ? 'up' : 'down'),
    /** Makes the firewall of a namespace drop UDP silently, except on loopback. */
    blockUDP(namespace) {
      const chain = (way, name) => `chain ${way} { type filter hook ${way} priority 0; ${name} != "lo" meta l4proto udp drop; }`;
      inside(namespace, '/usr/sbin/nft', `table inet block { ${chain('input', 'iifname')}; ${chain('output', 'oifname')}; }`);
    },
    /** Returns how many UDP datagrams the server's namespace has received, from the kernel's counters. */
    datagrams() {
      const lines = inside(server, 'cat', '/proc/net/snmp').split('\n').filter((line) => line.startsWith('Udp:'));
      const [names, values] = lines.map((line) => line.split(' '));
      return Number(values[names.indexOf('InDatagrams')]);
    },
    /** Writes a script that runs a program in a namespace, for Playwright's executablePath, and returns its path. */
    wrap(namespace, program, folder) {
      const path = join(folder, `in-${namespace}`);
      writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${namespace} ${program} "$@"\n`);
      chmodSync(path, 0o755);
      return path;
    },
    remove() {
      for (const namespace of [server, ada, bo]) ip('netns', 'del', namespace);
    },
  };
}

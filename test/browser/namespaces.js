// Machines of their own for tests of networks: a server and two browsers, each in a network namespace of Linux.
//
//   ada 10.77.1.2 ── 10.77.1.1 server 10.77.2.1 ── 10.77.2.2 bo
//       10.77.3.1 ───────────── direct ──────────── 10.77.3.2
//
// The server forwards nothing, so without the direct link the two browsers reach the server alone.
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

/** Whether this user may make namespaces: root may. */
export const possible = process.getuid() === 0;

/** Makes the three, and gives what tests do with them. */
export function makeNamespaces() {
  const name = (what) => `meet-${what}-${process.pid}`;
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
    /** Joins or cuts the two browsers' own link. */
    setDirect: (up) => ip('-n', ada, 'link', 'set', 'to-3', up ? 'up' : 'down'),
    /** Datagrams that programs in the server's namespace have received, from the kernel's counters. */
    datagrams() {
      const lines = inside(server, 'cat', '/proc/net/snmp').split('\n').filter((line) => line.startsWith('Udp:'));
      const [names, values] = lines.map((line) => line.split(' '));
      return Number(values[names.indexOf('InDatagrams')]);
    },
    /** A program that runs another in a namespace, for what takes the path of a browser. */
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

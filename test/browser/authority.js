// Makes Chromium trust the certificate authority of a server in LAN mode.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const database = (home) => join(home, '.pki', 'nssdb');
const certutil = (home, ...args) => execFileSync('certutil', [...args, '-d', `sql:${database(home)}`], { stdio: 'pipe' });

/** Creates an empty certificate database (NSS) in a home folder. */
export function certificateDatabase(home) {
  mkdirSync(database(home), { recursive: true });
  certutil(home, '-N', '--empty-password');
}

/** Makes browsers with this home folder trust the authority of a server that was started with --lan. */
export function trustAuthority(home, server) {
  certutil(home, '-A', '-n', 'Meet', '-t', 'C,,', '-i', join(server.folder, 'data', 'certs', 'lan-authority.pem'));
}

/** Returns a home folder whose certificate database trusts the authority of a server that was started with --lan. */
export function trustingHome(server) {
  const home = join(server.folder, 'home');
  certificateDatabase(home);
  trustAuthority(home, server);
  return home;
}

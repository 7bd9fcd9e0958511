// Makes Chromium trust the certificate authority of a server in LAN mode.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Returns a home folder whose certificate database (NSS) trusts the authority of a server that was started with --lan. */
export function trustingHome(server) {
  const home = join(server.folder, 'home');
  const database = join(home, '.pki', 'nssdb');
  mkdirSync(database, { recursive: true });
  const certutil = (...args) => execFileSync('certutil', [...args, '-d', `sql:${database}`], { stdio: 'pipe' });
  certutil('-N', '--empty-password');
  certutil('-A', '-n', 'Meet', '-t', 'C,,', '-i', join(server.folder, 'data', 'certs', 'ca.pem'));
  return home;
}

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
  const certificate = join(home, 'authority.pem'); // without the private key
  execFileSync('openssl', ['x509', '-in', join(server.folder, 'data', 'certs', 'lan-authority.pem'), '-out', certificate], { stdio: 'pipe' });
  certutil('-A', '-n', 'Meet', '-t', 'C,,', '-i', certificate);
  return home;
}

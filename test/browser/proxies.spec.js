// Calls through real proxies with the configurations of docs/deploy.md, and the errors that pages show when lines of a
// configuration are missing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinDirectCall, startDirectCall, callStatus } from './directcall.js';
import { expect, serverWith, test as base } from './meet.js';
import { createCertificate, Proxies } from './proxies.js';
import { Server } from '../server.mjs';

const insecure = { ignoreHTTPSErrors: true };
const noWebSocket = 'WebSockets cannot reach the server. If there is a proxy in front of it, the proxy must forward the headers Upgrade, Connection and Host.';

const test = base.extend({
  server: serverWith(),
  /** The sites by name: the proxy and the variant of its configuration. */
  sites: [
    async ({ server }, use) => {
      const below = await Server.start('--base-path', '/meet');
      let proxies;
      const sites = {
        nginx: { example: 'nginx.conf', server },
        apache: { example: 'apache.conf', server },
        caddy: { example: 'Caddyfile', server },
        nginxBelow: { example: 'nginx-subpath.conf', server: below, base: '/meet' },
        apacheBelow: { example: 'apache-subpath.conf', server: below, base: '/meet' },
        caddyBelow: { example: 'Caddyfile-subpath', server: below, base: '/meet' },
        nginxWithoutForwarded: { example: 'nginx.conf', server, omit: /X-Forwarded/ },
        nginxWithoutHost: { example: 'nginx.conf', server, omit: /X-Forwarded|Host/ },
        nginxWithoutUpgrade: { example: 'nginx.conf', server, omit: /proxy_set_header|http_version/ },
        apacheWithoutHost: { example: 'apache.conf', server, omit: /Host On|RequestHeader/ },
      };
      try {
        proxies = await Proxies.start(Object.values(sites));
        server.hosts.push(...below.hosts);
        await use(sites);
      } finally {
        await proxies?.close();
        await below.close();
      }
    },
    { scope: 'worker' },
  ],
});

/** Makes people join one room, each through the site at the same index, and waits until each sees the next person. */
async function meet(people, sites) {
  await Promise.all(people.map((person, i) => person.join(`${sites[i].url}/rooms/north%2Fsouth`)));
  await Promise.all(people.map((person, i) => person.sees(people[(i + 1) % people.length].name)));
}

/** The explanation on the end page of a call that could not be joined. */
const refusal = (person) => person.page.locator('[data-ending=could-not-join] .end-screen__text');

for (const [where, names] of Object.entries({
  'at the top of a host': ['nginx', 'apache', 'caddy'],
  'under a path': ['nginxBelow', 'apacheBelow', 'caddyBelow'],
})) {
  test(`meetings and direct calls work through nginx, Apache and Caddy ${where}`, async ({ person, sites }) => {
    const people = [await person('Ada', insecure), await person('Bo', insecure), await person('Cy', insecure)];
    const own = names.map((name) => sites[name]);
    await meet(people, own);
    for (const { page } of people) {
      const live = page.evaluate(() => new Promise((resolve) => {
        const events = new EventSource(`${document.documentElement.dataset.base ?? ''}/api/events`);
        events.addEventListener('lobby', ({ data }) => {
          resolve(JSON.parse(data).rooms[0]?.name);
          events.close();
        });
      }));
      expect(await live, 'the event stream reports the room').toBe('north/south');
    }
    const [ada, bo, cy] = people;
    const { id } = await startDirectCall(ada, own[0]);
    await joinDirectCall(bo, `${own[1].url}/direct/${id}`);
    for (const one of [ada, bo]) await expect(callStatus(one)).toHaveAttribute('data-path', 'direct');
    await joinDirectCall(cy, `${own[2].url}/direct/${id}`);
    await expect(callStatus(cy)).toHaveText('Waiting to be admitted');
  });
}

test('calls work behind proxies that omit optional headers, and pages name missing required headers', async ({ person, server, sites }) => {
  const people = [await person('Ada', insecure), await person('Bo', insecure), await person('Cy', insecure)];
  const [ada, bo, cy] = people;
  await meet(people, [sites.nginxWithoutForwarded, sites.apacheWithoutHost, sites.nginxWithoutHost]);
  const { id } = await startDirectCall(ada, sites.nginxWithoutForwarded);
  await joinDirectCall(bo, `${sites.apacheWithoutHost.url}/direct/${id}`);
  for (const one of [ada, bo]) await expect(callStatus(one)).toHaveAttribute('data-path', 'direct');

  await joinDirectCall(cy, `${sites.nginxWithoutHost.url}/direct/${id}`);
  await expect(refusal(cy)).toHaveText(noWebSocket);
  expect(server.output).toContain(`origin=https://localhost:${sites.nginxWithoutHost.port} host=${server.address}`);

  await cy.page.goto(`${sites.nginxWithoutUpgrade.url}/rooms/north`);
  await cy.page.getByRole('textbox', { name: 'Your name' }).fill('Cy');
  await cy.page.getByRole('button', { name: 'Join now' }).click();
  await expect(refusal(cy)).toHaveText(noWebSocket);
  await cy.page.goto(`${sites.nginxWithoutUpgrade.url}/direct`);
  await cy.page.getByRole('button', { name: 'Start a direct call' }).click();
  await expect(refusal(cy)).toHaveText(noWebSocket);
  expect(server.output).toContain('must pass on the headers Upgrade and Connection');
});

test('a meeting works through HAProxy, which passes TCP through', async ({ person, server: plain }) => {
  const folder = mkdtempSync(join(tmpdir(), 'meet-tls-'));
  createCertificate(folder);
  const args = ['--tls-cert', join(folder, 'tls.pem'), '--tls-key', join(folder, 'tls.key'), '--trusted-proxies', '127.0.0.1'];
  const server = await Server.start(...args);
  let proxies;
  try {
    const site = { example: 'haproxy.cfg', server };
    proxies = await Proxies.start([site]);
    plain.hosts.push(...server.hosts);
    await meet([await person('Ada', insecure), await person('Bo', insecure)], [site, site]);
  } finally {
    await proxies?.close();
    await server.close();
    rmSync(folder, { recursive: true });
  }
});

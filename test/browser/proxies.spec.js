// Calls through real proxies, with the configurations that docs/proxies.md names, and what a page says where one lacks a line.
import { follow, open, path } from './directcall.js';
import { expect, serverWith, test as base } from './meet.js';
import { Proxies } from './proxies.js';
import { Server } from '../server.mjs';

const insecure = { ignoreHTTPSErrors: true };
const noWebSocket = 'WebSockets do not get through to the server: the proxy in front of it has to pass on the headers Upgrade, Connection and Host.';

const test = base.extend({
  server: serverWith(),
  /** The sites by their proxies. */
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
        nginxSilent: { example: 'nginx.conf', server, without: /X-Forwarded/ },
        nginxHostless: { example: 'nginx.conf', server, without: /X-Forwarded|Host/ },
        nginxBare: { example: 'nginx.conf', server, without: /proxy_set_header|http_version/ },
        apacheHostless: { example: 'apache.conf', server, without: /Host On|RequestHeader/ },
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

/** All join the same room, each by a site of their own, and see the next. */
async function meet(people, sites) {
  await Promise.all(people.map((person, i) => person.join(`${sites[i].url}/rooms/north%2Fsouth`)));
  await Promise.all(people.map((person, i) => person.sees(people[(i + 1) % people.length].name)));
}

/** The page of a call that did not come about, and why. */
const refusal = (person) => person.page.locator('[data-ending=could-not-join] .after__text');

for (const [where, names] of Object.entries({
  'at the top of a host': ['nginx', 'apache', 'caddy'],
  'under a path': ['nginxBelow', 'apacheBelow', 'caddyBelow'],
})) {
  test(`calls go through nginx, Apache and Caddy ${where}`, async ({ person, sites }) => {
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
      expect(await live, 'the lobby hears of the room').toBe('north/south');
    }
    const [ada, bo, cy] = people;
    const { id } = await open(ada, own[0]);
    await follow(bo, `${own[1].url}/direct/${id}`);
    for (const one of [ada, bo]) await expect(path(one)).toHaveAttribute('data-path', 'direct');
    await follow(cy, `${own[2].url}/direct/${id}`);
    await expect(path(cy)).toHaveText('Waiting to be let in');
  });
}

test('calls go through proxies that say little, and pages name the headers that are needed', async ({ person, server, sites }) => {
  const people = [await person('Ada', insecure), await person('Bo', insecure), await person('Cy', insecure)];
  const [ada, bo, cy] = people;
  await meet(people, [sites.nginxSilent, sites.apacheHostless, sites.nginxHostless]);
  const { id } = await open(ada, sites.nginxSilent);
  await follow(bo, `${sites.apacheHostless.url}/direct/${id}`);
  for (const one of [ada, bo]) await expect(path(one)).toHaveAttribute('data-path', 'direct');

  await follow(cy, `${sites.nginxHostless.url}/direct/${id}`);
  await expect(refusal(cy)).toHaveText(noWebSocket);
  expect(server.output).toContain(`origin=https://localhost:${sites.nginxHostless.port} host=${server.address}`);

  await cy.page.goto(`${sites.nginxBare.url}/rooms/north`);
  await cy.page.getByRole('textbox', { name: 'Your name' }).fill('Cy');
  await cy.page.getByRole('button', { name: 'Join now' }).click();
  await expect(refusal(cy)).toHaveText(noWebSocket);
  await cy.page.goto(`${sites.nginxBare.url}/direct`);
  await cy.page.getByRole('button', { name: 'Start a direct call' }).click();
  await expect(refusal(cy)).toHaveText(noWebSocket);
  expect(server.output).toContain('does not pass on the headers Upgrade and Connection');
});

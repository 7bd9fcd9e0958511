// A server in LAN mode, as devices on its network use it: the trust page, and a call on an address other than localhost. Each
// person has a browser in a network namespace of their own, with a home folder whose certificate database trusts the server's
// authority or not.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { certificateDatabase, trustAuthority } from './authority.js';
import { expect, Person, recordConnections, test as base } from './meet.js';
import { canCreateNamespaces, createNamespaces } from './namespaces.js';
import { Server } from '../server.mjs';

const test = base.extend({
  net: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const net = createNamespaces();
      await use(net);
      net.remove();
    },
    { scope: 'worker' },
  ],
  server: [
    async ({ net }, use) => {
      const server = await Server.startIn(net.server, '--lan');
      await use(server);
      await server.close();
    },
    { scope: 'worker' },
  ],
  /** Returns a function that opens a browser in a namespace, with a home folder of its own. */
  device: async ({ net, server, launchOptions }, use, info) => {
    const browsers = [];
    await use(async (who, name, options = {}) => {
      const home = join(server.folder, `${who}-${info.testId}`);
      mkdirSync(home, { recursive: true });
      const launch = async () => {
        const browser = await chromium.launch({
          ...launchOptions,
          executablePath: net.wrap(net[who] ?? net.server, launchOptions.executablePath, server.folder),
          env: { ...process.env, HOME: home },
        });
        browsers.push(browser);
        const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: { width: 1440, height: 900 }, ...options });
        await recordConnections(context);
        return new Person(await context.newPage(), name);
      };
      certificateDatabase(home);
      return { launch, trust: () => trustAuthority(home, server), host: `${net.addresses[who] ?? 'localhost'}:${server.port}` };
    });
    for (const browser of browsers) await browser.close();
  },
});

test.skip(!canCreateNamespaces, 'only root may create network namespaces');

const status = (person) => person.page.getByRole('status');

test('the trust page shows when the device trusts the server, and then people can meet', async ({ device }) => {
  const [one, two] = [await device('ada', 'Ada'), await device('bo', 'Bo')];
  let ada = await one.launch();
  await ada.page.goto(`http://${one.host}/trust`);
  await expect(status(ada)).toHaveAttribute('data-state', 'untrusted');
  await expect(status(ada).getByRole('link')).toBeHidden();
  await expect(ada.page.goto(`https://${one.host}/`)).rejects.toThrow(/ERR_CERT_AUTHORITY_INVALID/);
  await ada.page.context().browser().close();

  one.trust();
  two.trust();
  ada = await one.launch(); // browsers read the database when they start
  await ada.page.goto(`http://${one.host}/trust`);
  await expect(status(ada)).toHaveAttribute('data-state', 'trusted');
  await status(ada).getByRole('link').click();
  await expect(ada.page).toHaveURL(`https://${one.host}/`);
  expect(await ada.page.evaluate(() => [isSecureContext, location.hostname === 'localhost'])).toEqual([true, false]);

  const bo = await two.launch();
  await ada.join(`https://${one.host}/rooms/kitchen`);
  await bo.join(`https://${two.host}/rooms/kitchen`);
  await ada.sees('Bo');
  await bo.sees('Ada');
  await ada.hears();
});

test('plain http leads to https, except for the trust page', async ({ device }) => {
  const one = await device('ada', 'Ada');
  one.trust();
  const ada = await one.launch();
  await ada.page.goto(`http://${one.host}/rooms/kitchen`);
  await expect(ada.page).toHaveURL(`https://${one.host}/rooms/kitchen`);
});

test('a person on the server itself copies an invitation that others can open', async ({ device, net, server }) => {
  const here = await (await device('server', 'Ada')).launch();
  await here.join(`http://localhost:${server.port}/rooms/kitchen`);
  const link = await here.page.locator('.invite-link__text').textContent();
  expect(Object.values(net.addresses).map((address) => `${address}:${server.port}/rooms/kitchen`)).toContain(link);

  const two = await device('bo', 'Bo');
  two.trust();
  const bo = await two.launch();
  await bo.join(`https://${two.host}/rooms/kitchen`);
  await here.sees('Bo');
  await bo.sees('Ada');
});

test('the trust page works without its script', async ({ device }) => {
  const one = await device('ada', 'Ada', { javaScriptEnabled: false });
  const ada = await one.launch();
  await ada.page.goto(`http://${one.host}/trust`);
  await expect(ada.page.getByRole('heading', { name: 'Linux and ChromeOS' })).toBeVisible();
  await expect(status(ada).getByRole('link')).toHaveAttribute('href', `https://${one.host}/`);
  await ada.page.getByText('iPhone and iPad').click();
  await expect(ada.page.getByText('Certificate Trust Settings')).toBeVisible();
});

test('the downloaded certificate is the one whose fingerprint the server prints', async ({ device, server }) => {
  const one = await device('ada', 'Ada');
  const ada = await one.launch();
  await ada.page.goto(`http://${one.host}/trust`);
  const [, printed] = /Fingerprint\s+(\S+)/.exec(server.output);
  await expect(ada.page.getByText(printed)).toBeVisible();
  const download = ada.page.waitForEvent('download');
  await ada.page.getByRole('link', { name: 'Download the certificate' }).first().click();
  const file = await (await download).path();
  const fingerprint = execFileSync('openssl', ['x509', '-in', file, '-noout', '-fingerprint', '-sha256']).toString();
  expect(fingerprint).toContain(printed);
});

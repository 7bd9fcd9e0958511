// Meetings over networks that block most traffic. Two people behind a router hold a call, and the page shows the path of the
// media.
import { chromium } from '@playwright/test';
import { trustingHome } from './authority.js';
import { expect, Person, recordConnections, test as base } from './meet.js';
import { canCreateNetworks, Network, serverAddress } from './networks.js';
import { Server } from '../server.mjs';

const test = base.extend({
  /** Returns a function that creates a network with the given IP version. */
  // eslint-disable-next-line no-empty-pattern
  createNetwork: async ({}, use) => {
    const networks = [];
    await use((version) => {
      networks.push(new Network(version));
      return networks.at(-1);
    });
    for (const network of networks) await network.remove();
  },
});

test.skip(!canCreateNetworks, 'only root may create network namespaces');

const port = 8080; // of Server.startIn

/** Runs a server and a browser in a network, and calls use with two people whose pages are in that browser. */
async function withPeople(network, launchOptions, args, use) {
  const server = await Server.startIn(network.names.server, '--lan');
  try {
    const browser = await chromium.launch({
      ...launchOptions,
      executablePath: network.wrap(launchOptions.executablePath, server.folder),
      args: [...launchOptions.args, ...args],
      env: { ...process.env, HOME: trustingHome(server) },
    });
    try {
      const people = [];
      for (const name of ['Ada', 'Bo']) {
        const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: { width: 1440, height: 900 } });
        await recordConnections(context);
        people.push(new Person(await context.newPage(), name));
      }
      await use(people, server);
    } finally {
      await browser.close();
    }
  } finally {
    await server.close();
  }
}

/** Makes two people meet over the network, and checks that the settings of each show a matching path. */
async function meetOver(network, launchOptions, { args = [], path }) {
  const host = network.version === 6 ? `[${serverAddress[6]}]` : serverAddress[4];
  await withPeople(network, launchOptions, args, async ([ada, bo]) => {
    await ada.join(`https://${host}:${port}/rooms/north`);
    await bo.join(`https://${host}:${port}/rooms/north`);
    await ada.sees('Bo');
    await bo.sees('Ada');
    for (const { page } of [ada, bo]) {
      await page.getByRole('button', { name: 'Settings' }).click();
      await expect(page.locator('.settings__path')).toHaveAttribute('data-path', path);
    }
  });
}

test('a meeting works where the server is reachable over UDP', async ({ createNetwork, launchOptions }) => {
  await meetOver(createNetwork(), launchOptions, { path: /^udp$/ });
});

test('a meeting works behind a router with network address translation', async ({ createNetwork, launchOptions }) => {
  const network = createNetwork();
  network.masquerade();
  await meetOver(network, launchOptions, { path: /^udp$/ });
});

// Chromium tries relays before ICE over TCP, and stops at the first that works.
test('a meeting works where only one TCP port is open', async ({ createNetwork, launchOptions }) => {
  const network = createNetwork();
  network.allowOnlyTCP(port);
  await meetOver(network, launchOptions, { path: /^(relay-)?(tcp|tls)$/ });
});

test('a meeting works through a forward proxy that allows only TLS', async ({ createNetwork, launchOptions }) => {
  const network = createNetwork();
  network.allowOnlyTCP();
  const proxy = await network.startTLSProxy();
  await meetOver(network, launchOptions, { args: [`--proxy-server=${proxy}`], path: /^relay-tls$/ });
});

test('a meeting works on a network that has only IPv6', async ({ createNetwork, launchOptions }) => {
  await meetOver(createNetwork(6), launchOptions, { path: /^udp$/ });
});

// Network paths of direct calls and of meetings of two: direct if the browsers can reach each other, otherwise through the
// server. The kernel counts the datagrams that reach the server.
import { chromium } from '@playwright/test';
import { mediaPath, callStatus } from './directcall.js';
import { expect, recordConnections, Person, test as base } from './meet.js';
import { createNamespaces, canCreateNamespaces } from './namespaces.js';
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
      const server = await Server.startIn(net.server, '--direct-rooms');
      await use(server);
      await server.close();
    },
    { scope: 'worker' },
  ],
  /** Two people, each with a browser in a network namespace of their own. */
  two: async ({ net, server, launchOptions }, use) => {
    const browsers = [];
    const people = {};
    for (const [who, name] of [['ada', 'Ada'], ['bo', 'Bo']]) {
      const origin = `http://${net.addresses[who]}:${server.port}`;
      const browser = await chromium.launch({
        ...launchOptions,
        executablePath: net.wrap(net[who], launchOptions.executablePath, server.folder),
        args: [...launchOptions.args, `--unsafely-treat-insecure-origin-as-secure=${origin}`],
      });
      browsers.push(browser);
      const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: { width: 1440, height: 900 } });
      await recordConnections(context);
      people[who] = Object.assign(new Person(await context.newPage(), name), { origin });
    }
    await use(people);
    for (const browser of browsers) await browser.close();
  },
});

test.skip(!canCreateNamespaces, 'only root may create network namespaces');

async function startCall({ ada, bo }) {
  await ada.page.goto(`${ada.origin}/direct`);
  await ada.page.getByRole('textbox', { name: 'Your name' }).fill('Ada');
  await ada.page.getByRole('button', { name: 'Start a direct call' }).click();
  await expect(callStatus(ada)).toHaveAttribute('data-session', /./);
  await bo.page.goto(`${bo.origin}/direct/${await callStatus(ada).getAttribute('data-session')}`);
  await bo.page.getByRole('textbox', { name: 'Your name' }).fill('Bo');
  await bo.page.getByRole('button', { name: 'Join session' }).click();
  await ada.sees('Bo');
  await bo.sees('Ada');
}

/** Returns how many datagrams per second reach the server while each person sees 40 more frames of the other. */
async function serverDatagramRate(net, { ada, bo }) {
  const [before, start] = [net.datagrams(), Date.now()];
  for (const _ of [1, 2, 3, 4]) {
    await ada.sees('Bo');
    await bo.sees('Ada');
  }
  return (1000 * (net.datagrams() - before)) / (Date.now() - start);
}

test('the server receives no media when a direct path exists', async ({ net, two }) => {
  net.setDirect(true);
  await startCall(two);
  for (const one of [two.ada, two.bo]) await expect(callStatus(one)).toHaveText('Direct connection');
  expect(await serverDatagramRate(net, two), 'datagrams per second at the server: only keep-alive checks').toBeLessThan(20);
});

test('the server relays media when no direct path exists', async ({ net, two }) => {
  net.setDirect(false);
  await startCall(two);
  for (const one of [two.ada, two.bo]) await expect(callStatus(one)).toHaveText('Relayed, encrypted');
  expect(await serverDatagramRate(net, two), 'datagrams per second at the server: audio and video of both').toBeGreaterThan(50);
});

test('a direct call switches to the relay when the direct path breaks', async ({ net, two }) => {
  net.setDirect(true);
  await startCall(two);
  await expect(callStatus(two.ada)).toHaveText('Direct connection');
  net.setDirect(false);
  await expect(callStatus(two.ada)).toHaveText('Relayed, encrypted');
  await two.ada.sees('Bo');
  await two.bo.sees('Ada');
});

test('a meeting of two uses the direct path, and the server when that breaks', async ({ net, two: { ada, bo } }) => {
  net.setDirect(true);
  const room = `/rooms/${Date.now()}`;
  for (const one of [ada, bo]) await one.join(one.origin + room);
  for (const one of [ada, bo]) await expect(mediaPath(one)).toHaveAttribute('data-path', 'direct');
  await ada.sees('Bo');
  await bo.hears();
  net.setDirect(false);
  for (const one of [ada, bo]) await expect(mediaPath(one)).toHaveAttribute('data-path', 'server');
  await ada.sees('Bo');
  await bo.sees('Ada');
  await bo.hears();
});

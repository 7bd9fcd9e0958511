// The ways a direct call takes, and a meeting of two: straight where there is one, by the server where there is none, and
// from the one to the other when the network changes. The kernel counts what reaches the server.
import { chromium } from '@playwright/test';
import { mark, path } from './directcall.js';
import { expect, noteConnections, Person, test as base } from './meet.js';
import { makeNamespaces, possible } from './namespaces.js';
import { Server } from '../server.mjs';

const test = base.extend({
  net: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const net = makeNamespaces();
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
  /** Two people, each with a browser in a namespace of their own. */
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
      await noteConnections(context);
      people[who] = Object.assign(new Person(await context.newPage(), name), { origin });
    }
    await use(people);
    for (const browser of browsers) await browser.close();
  },
});

test.skip(!possible, 'namespaces are for root to make');

async function call({ ada, bo }) {
  await ada.page.goto(`${ada.origin}/direct`);
  await ada.page.getByRole('textbox', { name: 'Your name' }).fill('Ada');
  await ada.page.getByRole('button', { name: 'Start a direct call' }).click();
  await expect(path(ada)).toHaveAttribute('data-session', /./);
  await bo.page.goto(`${bo.origin}/direct/${await path(ada).getAttribute('data-session')}`);
  await bo.page.getByRole('textbox', { name: 'Your name' }).fill('Bo');
  await bo.page.getByRole('button', { name: 'Join session' }).click();
  await ada.sees('Bo');
  await bo.sees('Ada');
}

/** How many datagrams a second reached the server while each saw some forty frames more of the other. */
async function reaching(net, { ada, bo }) {
  const [before, begun] = [net.datagrams(), Date.now()];
  for (const _ of [1, 2, 3, 4]) {
    await ada.sees('Bo');
    await bo.sees('Ada');
  }
  return (1000 * (net.datagrams() - before)) / (Date.now() - begun);
}

test('where there is a direct path the server gets no media', async ({ net, two }) => {
  net.setDirect(true);
  await call(two);
  for (const one of [two.ada, two.bo]) await expect(path(one)).toHaveText('Direct connection');
  expect(await reaching(net, two), 'datagrams a second that reached the server: what keeps paths open').toBeLessThan(20);
});

test('where there is none the server relays', async ({ net, two }) => {
  net.setDirect(false);
  await call(two);
  for (const one of [two.ada, two.bo]) await expect(path(one)).toHaveText('Relayed, encrypted');
  expect(await reaching(net, two), 'datagrams a second that reached the server: audio and video of both').toBeGreaterThan(50);
});

test('a direct path that breaks gives way to the relay', async ({ net, two }) => {
  net.setDirect(true);
  await call(two);
  await expect(path(two.ada)).toHaveText('Direct connection');
  net.setDirect(false);
  await expect(path(two.ada)).toHaveText('Relayed, encrypted');
  await two.ada.sees('Bo');
  await two.bo.sees('Ada');
});

test('a meeting of two goes straight, and by the server once that breaks', async ({ net, two: { ada, bo } }) => {
  net.setDirect(true);
  const room = `/rooms/${Date.now()}`;
  for (const one of [ada, bo]) await one.join(one.origin + room);
  for (const one of [ada, bo]) await expect(mark(one)).toHaveAttribute('data-path', 'direct');
  await ada.sees('Bo');
  await bo.hears();
  net.setDirect(false);
  for (const one of [ada, bo]) await expect(mark(one)).toHaveAttribute('data-path', 'server');
  await ada.sees('Bo');
  await bo.sees('Ada');
  await bo.hears();
});

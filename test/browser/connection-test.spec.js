// The connection test page: on a network that carries everything, and on networks that block something.
import { readFile } from 'node:fs/promises';
import { chromium } from '@playwright/test';
import { expect, serverWith, test as base } from './meet.js';
import { canCreateNamespaces, createNamespaces } from './namespaces.js';
import { Proxies } from './proxies.js';
import { Server } from '../server.mjs';

const titles = [
  'Browser', 'Secure page', 'Camera and microphone', 'Signalling', 'UDP', 'TCP', 'TURN over UDP', /^TURN over (TLS|TCP)$/, 'Publish', 'Subscribe',
  'Bandwidth and loss',
];
const ids = ['browser', 'secure', 'devices', 'signalling', 'udp', 'tcp', 'turnUdp', 'turnTls', 'publish', 'subscribe', 'bandwidth'];

const test = base.extend({
  server: serverWith(),
  // eslint-disable-next-line no-empty-pattern
  net: async ({}, use) => {
    const net = canCreateNamespaces ? createNamespaces() : undefined;
    await use(net);
    net?.remove();
  },
});

/** The running or finished test on a page. */
class ConnectionTest {
  constructor(page) {
    this.page = page;
    this.result = page.getByRole('region', { name: /^Calls / });
  }

  step(id) {
    return this.page.locator(`[data-step=${id}]`);
  }

  /** Opens the page and runs the test to its end. */
  static async run(page, url) {
    const connectionTest = new ConnectionTest(page);
    await page.goto(url);
    await page.getByRole('button', { name: 'Start the test' }).click();
    await expect(connectionTest.result).toBeVisible({ timeout: 180_000 });
    return connectionTest;
  }

  /** Returns the state of each step by its id. */
  async states() {
    const list = await this.page.locator('[data-step]').evaluateAll((all) => all.map(({ dataset }) => [dataset.step, dataset.state]));
    return Object.fromEntries(list);
  }

  /** Downloads the report and returns its text. */
  async download() {
    const [download] = await Promise.all([this.page.waitForEvent('download'), this.page.getByRole('button', { name: 'Download report' }).click()]);
    expect(download.suggestedFilename()).toMatch(/^meet-connection-test-[\d-]+\.txt$/);
    return readFile(await download.path(), 'utf8');
  }
}

/** Starts a browser whose user declines every request for camera and microphone. */
const declining = (launchOptions) =>
  chromium.launch({
    ...launchOptions,
    args: [...launchOptions.args.filter((arg) => arg !== '--use-fake-ui-for-media-stream'), '--deny-permission-prompts'],
  });

test('all steps pass, and the report can be copied and downloaded', async ({ person, server }) => {
  const { page } = await person('Ada', { permissions: ['camera', 'microphone', 'clipboard-read', 'clipboard-write'] });
  const tokens = [];
  page.on('response', async (response) => {
    if (response.url().includes('/api/connection-test')) tokens.push(...Object.values(await response.json()));
  });
  await page.goto(server.url);
  await page.getByRole('link', { name: 'Test your connection' }).click();
  await expect(page.locator('[data-step] h2')).toHaveText(titles);
  const { result, ...run } = await ConnectionTest.run(page, page.url());
  const connectionTest = new ConnectionTest(run.page);

  await expect(result).toHaveAccessibleName('Calls work on this network. Media uses UDP.');
  const { bandwidth, ...others } = await connectionTest.states();
  expect(Object.values(others), 'the steps whose result does not depend on the machine').toEqual(Array(10).fill('passed'));
  expect(['passed', 'warning'], 'a busy machine may lose packets').toContain(bandwidth);
  await expect(connectionTest.step('subscribe')).toContainText(/level [1-9]/);

  const report = await connectionTest.download();
  for (const [i, title] of (await page.locator('[data-step] h2').allTextContents()).entries()) expect(report).toContain(`\n${i + 1}. ${title}: `);
  expect(report).toContain('Result: Calls work on this network. Media uses UDP.');
  expect(report).toContain(server.address);
  await page.getByRole('button', { name: 'Copy report' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(report);
  expect(tokens.length, 'tokens and room names of the server').toBeGreaterThan(10);
  for (const secret of tokens.filter((text) => text.length > 10)) expect(report).not.toContain(secret);
  expect(report).not.toMatch(/eyJ/); // a token begins so

  const rooms = await (await fetch(`${server.url}/api/rooms`)).json();
  const meetings = await (await fetch(`${server.url}/api/meetings`)).json();
  expect([rooms, meetings], 'the lobby lists no test').toEqual([[], []]);
});

test('without camera and microphone the test continues with a generated video and tone', async ({ launchOptions, server }) => {
  const browser = await declining(launchOptions);
  const connectionTest = await ConnectionTest.run(await browser.newPage({ permissions: [] }), `${server.url}/test`);
  const { devices, publish, subscribe } = await connectionTest.states();
  expect({ devices, publish, subscribe }).toEqual({ devices: 'warning', publish: 'passed', subscribe: 'passed' });
  await expect(connectionTest.step('devices')).toContainText('a test video is sent instead');
  await expect(connectionTest.step('subscribe')).toContainText(/level [1-9]/);
  await expect(connectionTest.result).toContainText(/Calls work.*allow the camera/);
  await browser.close();
});

test('cancelling and leaving stop the connections and the devices', async ({ person, server }) => {
  const { page } = await person('Ada');
  await page.addInitScript(() => {
    globalThis.tracks = [];
    const { getUserMedia } = navigator.mediaDevices;
    navigator.mediaDevices.getUserMedia = async function (...args) {
      const stream = await getUserMedia.apply(this, args);
      globalThis.tracks.push(...stream.getTracks());
      return stream;
    };
  });
  const connectionTest = new ConnectionTest(page);
  await page.goto(`${server.url}/test`);
  expect(await page.evaluate(() => globalThis.tracks.length), 'devices before the start').toBe(0);
  await page.getByRole('button', { name: 'Start the test' }).press('Enter');
  await expect(connectionTest.step('bandwidth')).toHaveAttribute('data-state', 'running');
  await page.keyboard.press('Enter'); // the button keeps the focus, and cancels now
  await expect(page.getByText('The test was cancelled. Camera and microphone are off.')).toBeVisible();
  await expect.poll(() => page.evaluate(() => globalThis.tracks.map(({ readyState }) => readyState))).toEqual(['ended', 'ended']);
  const open = () => page.evaluate(() => globalThis.peerConnections.filter((pc) => pc.connectionState !== 'closed').length + globalThis.sockets.filter((s) => s.readyState < 2).length);
  await expect.poll(open, 'open connections').toBe(0);
  expect((await connectionTest.states()).bandwidth).toBe('skipped');

  await page.getByRole('button', { name: 'Run again' }).press('Enter');
  await expect(connectionTest.step('bandwidth')).toHaveAttribute('data-state', 'running');
  await page.goto(server.url);
  await page.goBack();
  await expect(page.getByRole('button', { name: /Start the test|Run again/ })).toBeVisible();
  const sessions = (event) => new Set([...server.output.matchAll(new RegExp(`${event}.* sid=(\\w+)`, 'g'))].map(([, sid]) => sid));
  await expect.poll(() => [...sessions('participant active')].filter((sid) => !sessions('participant left').has(sid)), 'participants that remain').toEqual([]);
});

test('without WebSockets the signalling step says what to do, and later steps are skipped', async ({ person, server }) => {
  const site = { example: 'nginx.conf', server, omit: /proxy_set_header|http_version/ };
  const proxies = await Proxies.start([site]);
  const { page } = await person('Ada', { ignoreHTTPSErrors: true });
  const connectionTest = await ConnectionTest.run(page, `${site.url}/test`);
  await expect(connectionTest.step('signalling')).toContainText('the proxy must forward the headers Upgrade, Connection and Host.');
  const states = await connectionTest.states();
  expect(states).toEqual(Object.fromEntries(ids.map((id, i) => [id, i < 3 ? 'passed' : i === 3 ? 'failed' : 'skipped'])));
  await expect(connectionTest.result).toHaveAccessibleName('Calls do not work on this network.');
  expect(await connectionTest.download()).toContain('4. Signalling: failed\n   What to do: WebSockets cannot reach the server.');
  await proxies.close();
});

test('where UDP is blocked, UDP fails and media uses TCP', async ({ launchOptions, net }) => {
  test.skip(!canCreateNamespaces, 'only root may create network namespaces');
  net.blockUDP(net.ada);
  const server = await Server.startIn(net.server);
  const origin = `http://${net.addresses.ada}:${server.port}`;
  const browser = await chromium.launch({
    ...launchOptions,
    executablePath: net.wrap(net.ada, launchOptions.executablePath, server.folder),
    args: [...launchOptions.args, `--unsafely-treat-insecure-origin-as-secure=${origin}`],
  });
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  const connectionTest = await ConnectionTest.run(await context.newPage(), `${origin}/test`);
  const { signalling, udp, tcp, publish, subscribe } = await connectionTest.states();
  expect({ signalling, udp, tcp, publish, subscribe }).toEqual({ signalling: 'passed', udp: 'failed', tcp: 'passed', publish: 'passed', subscribe: 'passed' });
  await expect(connectionTest.step('udp')).toContainText(`allow UDP to ${net.addresses.ada}:${server.port}.`);
  await expect(connectionTest.result).toHaveAccessibleName('Calls work on this network. Media uses TCP.');
  await expect(connectionTest.result).toContainText('UDP is blocked');
  await browser.close();
  await server.close();
});

test('the finished test fits on the narrowest phone', async ({ browser, server }) => {
  const phone = await browser.newContext({ viewport: { width: 320, height: 640 } });
  const { page } = await ConnectionTest.run(await phone.newPage(), `${server.url}/test`);
  expect(await page.evaluate(() => document.documentElement.scrollWidth), 'width of the page').toBe(320);
  await phone.close();
});

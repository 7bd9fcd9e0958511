// Takes the screenshots in docs/screenshots; scripts/screenshots.sh runs it. Three participants with drawn faces hold a call
// on a server with temporary data. The screenshots show desktop and phone, in light and in dark colours.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, expect } from '@playwright/test';
import config from './playwright.config.js';
import { face, people } from './faces.js';
import { Server } from '../server.mjs';

const screenshots = fileURLToPath(new URL('../../docs/screenshots', import.meta.url));
const desktop = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };
const folder = mkdtempSync(join(tmpdir(), 'meet-screenshots-'));
const browsers = [];

/** Returns a time zone in which it is between ten and eleven, so that the screenshots look alike whenever they are taken. */
function timeZoneAtTen() {
  const hours = (10 - new Date().getUTCHours() + 24) % 24; // east of Greenwich
  const east = hours > 12 ? hours - 24 : hours;
  return `Etc/GMT${east > 0 ? '-' : '+'}${Math.abs(east)}`; // POSIX counts westwards
}

/** Opens a page in a browser of its own whose camera shows the person. */
async function open({ name, ...drawing }, viewport) {
  const file = join(folder, `${name}.mjpeg`);
  const { launchOptions } = config.use;
  const browser = await chromium.launch({ ...launchOptions, args: [...launchOptions.args, `--use-file-for-fake-video-capture=${file}`] });
  browsers.push(browser);
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport, locale: 'en-US', timezoneId: timeZoneAtTen() });
  const page = await context.newPage();
  await page.setViewportSize({ width: 1280, height: 720 });
  await page.setContent(`<body style="margin:0">${face(drawing)}</body>`);
  writeFileSync(file, await page.screenshot({ type: 'jpeg', quality: 95 }));
  await page.setViewportSize(viewport);
  return page;
}

async function enter(page, link, { name }) {
  await page.goto(link);
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('button', { name: 'Join now' }).click();
  await expect(page.getByRole('toolbar', { name: 'Call controls' })).toBeVisible();
}

const control = (page, name) => page.getByRole('toolbar', { name: 'Call controls' }).getByRole('button', { name, exact: true });

/** Holds a short meeting, so that the lobby has a record of it. */
async function recordPastMeeting(link, ...participants) {
  for (const [page, person] of participants) await enter(page, link, person);
  for (const [page] of participants) await expect(page.locator('[data-participant][data-state="playing"]')).toHaveCount(participants.length);
  for (const [page] of participants) await control(page, 'Leave').click();
}

async function write(page, text) {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** Writes two screenshots of the page: in light and in dark colours. */
async function take(page, name) {
  for (const [colorScheme, suffix] of [['light', ''], ['dark', '-dark']]) {
    await page.emulateMedia({ colorScheme });
    await page.mouse.move(0, 0);
    await page.screenshot({ path: join(screenshots, `${name}${suffix}.png`), animations: 'disabled' });
  }
}

async function takeAll(server) {
  const ada = await open(people.ada, desktop);
  const grace = await open(people.grace, phone);
  const alan = await open(people.alan, desktop);

  await recordPastMeeting(`${server.url}/rooms/analytical-engine`, [ada, people.ada], [alan, people.alan]);
  await recordPastMeeting(`${server.url}/rooms/compiler-plans`, [grace, people.grace], [ada, people.ada]);

  const link = `${server.url}/rooms/ten-oclock-tea`;
  await enter(ada, link, people.ada);
  await enter(grace, link, people.grace);
  await enter(alan, link, people.alan);
  for (const page of [ada, grace, alan]) await expect(page.locator('[data-participant][data-state="playing"]')).toHaveCount(3);
  await control(alan, 'Microphone').click();
  await expect(grace.locator('[data-participant="Alan Turing"]')).toHaveAttribute('data-muted', 'true');
  await take(grace, 'phone');

  await control(ada, 'Chat').click();
  await control(grace, 'Chat').click();
  await write(grace, 'Minutes are at https://example.org/minutes');
  await write(grace, 'Can everyone hear me?');
  await expect(ada.getByRole('log', { name: 'Messages' })).toContainText('Can everyone hear me?');
  await write(ada, 'Loud and clear!');
  await take(ada, 'call');

  const lobby = await open(people.alan, desktop);
  await lobby.goto(server.url);
  await expect(lobby.getByRole('region', { name: 'Live now' })).toContainText('3 people');
  await expect(lobby.getByRole('table', { name: 'Previous meetings' })).toContainText('compiler-plans');
  await take(lobby, 'lobby');
}

const server = await Server.start();
try {
  await takeAll(server);
} finally {
  for (const browser of browsers) await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}

// Measures the time in milliseconds from "Join now" to the first frame of another participant:
//   node first-frame.js [times]
// This is a measurement and not a test. The result depends on the machine.
import { chromium } from '@playwright/test';
import config from './playwright.config.js';
import { recordConnections, Person } from './meet.js';
import { Server } from '../server.mjs';

const times = Number(process.argv[2] ?? 5);
const server = await Server.start();
const browser = await chromium.launch(config.use.launchOptions);
const link = `${server.url}/rooms/first-frame`;

/** Runs in the page: sets globalThis.firstFrame to the time from pressing "Join now" to the first frame of Ada's video. */
function stopwatch() {
  let pressed;
  addEventListener(
    'click',
    (e) => {
      if (!(e.target instanceof Element) || !e.target.closest('button')?.textContent.includes('Join now')) return;
      pressed = performance.now();
      const look = setInterval(() => {
        const video = document.querySelector('[data-participant="Ada"] video');
        if (!video) return;
        clearInterval(look);
        video.requestVideoFrameCallback((now) => (globalThis.firstFrame = now - pressed));
      }, 5);
    },
    { capture: true },
  );
}

async function join(name) {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  await recordConnections(context);
  await context.addInitScript(stopwatch);
  const person = new Person(await context.newPage(), name);
  await person.join(link);
  return person;
}

await join('Ada');
const results = [];
for (let i = 0; i < times; i++) {
  const bo = await join(`Bo ${i}`);
  const handle = await bo.page.waitForFunction(() => globalThis.firstFrame, undefined, { timeout: 20_000 });
  results.push(Math.round(await handle.jsonValue()));
  await bo.page.context().close();
}
results.sort((a, b) => a - b);
console.log(`join to first frame: median ${results[Math.floor(times / 2)]} ms of ${results.join(', ')}`);
await browser.close();
await server.close();

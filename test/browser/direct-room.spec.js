// Two who are alone in a meeting talk without the server where its owner allows it.
import { RoomServiceClient } from 'livekit-server-sdk';
import { mark } from './directcall.js';
import { launchFirefox } from './firefox.js';
import { expect, serverWith, test as base } from './meet.js';

const test = base.extend({ server: serverWith('--direct-rooms', '--dev') });

test('what is muted, shared or forbidden is so on the direct path as well', async ({ person, server }) => {
  const room = String(Date.now());
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  for (const one of [ada, bo]) await one.join(`${server.url}/rooms/${room}`);
  for (const one of [ada, bo]) await expect(mark(one)).toHaveAttribute('data-path', 'direct');

  await bo.toggle('Microphone').click();
  await expect(ada.tile('Bo')).toHaveAttribute('data-muted', 'true');
  await bo.toggle('Microphone').click();
  await ada.hears();
  await bo.toggle('Camera').click();
  await expect(ada.tile('Bo').locator('video')).toHaveCount(0);
  await bo.toggle('Camera').click();
  await ada.sees('Bo');
  await expect(ada.tile('Bo').locator('video'), 'the picture has gone over again').toHaveCount(2);
  await bo.toggle('Share screen').click();
  await expect(ada.tile('Bo', 'screen').locator('video'), 'and so has the screen').toHaveCount(2);

  const api = new RoomServiceClient(server.url, 'devkey', 'secret');
  const { identity } = (await api.listParticipants(room)).find(({ name }) => name === 'Bo');
  await api.updateParticipant(room, identity, { permission: { canSubscribe: false, canPublish: true, canPublishData: true } });
  await expect(mark(ada), 'who may not watch is sent nothing').toHaveAttribute('data-path', 'server');
  await ada.sees('Bo');
  await expect(bo.tile('Ada').locator('video')).toHaveCount(0);
});

test('Firefox and Chromium talk directly', async ({ person, server }) => {
  const link = `${server.url}/rooms/${Date.now()}`;
  const ada = await person('Ada');
  await ada.join(link);
  const firefox = await launchFirefox();
  try {
    const page = await firefox.newPage();
    await page.goto(link);
    await page.locator('#name').fill('Bo');
    await page.locator('::-p-aria([name="Join now"][role="button"])').click();
    await expect(mark(ada)).toHaveAttribute('data-path', 'direct');
    const ofAda = (look) => page.evaluate(look, '[data-participant="Ada"] video');
    const direct = () => page.evaluate(() => document.querySelector('.path-mark')?.dataset.path);
    await expect.poll(direct, 'Firefox knows the path').toBe('direct');
    await expect(ada.tile('Bo').locator('video'), 'Firefox’s picture has gone over').toHaveCount(2);
    await ada.sees('Bo');
    await ada.hears();
    const count = () => ofAda((selector) => document.querySelectorAll(selector).length);
    await expect.poll(count, 'and so has Chromium’s').toBe(2);
    const time = () => ofAda((selector) => [...document.querySelectorAll(selector)].at(-1).currentTime);
    const before = await time();
    await expect.poll(time, 'Firefox sees Ada').toBeGreaterThan(before + 1);

    const cy = await person('Cy');
    await cy.join(link);
    await expect(mark(ada)).toHaveAttribute('data-path', 'server');
    await expect.poll(direct).not.toBe('direct');
    await ada.sees('Bo');
    await cy.sees('Bo');
  } finally {
    await firefox.close();
  }
});

// The direct path of a meeting of two, which --direct-rooms allows.
import { RoomServiceClient } from 'livekit-server-sdk';
import { mediaPath } from './directcall.js';
import { launchFirefox } from './firefox.js';
import { expect, serverWith, test as base } from './meet.js';

const test = base.extend({ server: serverWith('--direct-rooms', '--dev') });

test('mute, screen sharing and permissions apply on the direct path too', async ({ person, server }) => {
  const room = String(Date.now());
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  for (const one of [ada, bo]) await one.join(`${server.url}/rooms/${room}`);
  for (const one of [ada, bo]) await expect(mediaPath(one)).toHaveAttribute('data-path', 'direct');

  await bo.toggle('Microphone').click();
  await expect(ada.tile('Bo')).toHaveAttribute('data-muted', 'true');
  await bo.toggle('Microphone').click();
  await ada.hears();
  await bo.toggle('Camera').click();
  await expect(ada.tile('Bo').locator('video')).toHaveCount(0);
  await bo.toggle('Camera').click();
  await ada.sees('Bo');
  await expect(ada.tile('Bo').locator('video'), 'the video plays from the direct path again').toHaveCount(2);
  await bo.toggle('Share screen').click();
  await expect(ada.tile('Bo', 'screen').locator('video'), 'the screen plays from the direct path').toHaveCount(2);

  const api = new RoomServiceClient(server.url, 'devkey', 'secret');
  const { identity } = (await api.listParticipants(room)).find(({ name }) => name === 'Bo');
  await api.updateParticipant(room, identity, { permission: { canSubscribe: false, canPublish: true, canPublishData: true } });
  await expect(mediaPath(ada), 'a participant without canSubscribe is sent no media').toHaveAttribute('data-path', 'server');
  await ada.sees('Bo');
  await expect(bo.tile('Ada').locator('video')).toHaveCount(0);
});

test('Firefox and Chromium use the direct path in a meeting of two', async ({ person, server }) => {
  const link = `${server.url}/rooms/${Date.now()}`;
  const ada = await person('Ada');
  await ada.join(link);
  const firefox = await launchFirefox();
  try {
    const page = await firefox.newPage();
    await page.goto(link);
    await page.locator('#name').fill('Bo');
    await page.locator('::-p-aria([name="Join now"][role="button"])').click();
    await expect(mediaPath(ada)).toHaveAttribute('data-path', 'direct');
    const evaluateOnVideos = (f) => page.evaluate(f, '[data-participant="Ada"] video');
    const direct = () => page.evaluate(() => document.querySelector('.media-path')?.dataset.path);
    await expect.poll(direct, 'Firefox shows the direct path').toBe('direct');
    await expect(ada.tile('Bo').locator('video'), 'video of Firefox plays from the direct path').toHaveCount(2);
    await ada.sees('Bo');
    await ada.hears();
    const count = () => evaluateOnVideos((selector) => document.querySelectorAll(selector).length);
    await expect.poll(count, 'video of Chromium plays from the direct path').toBe(2);
    const time = () => evaluateOnVideos((selector) => [...document.querySelectorAll(selector)].at(-1).currentTime);
    const before = await time();
    await expect.poll(time, 'Firefox sees Ada').toBeGreaterThan(before + 1);

    const cy = await person('Cy');
    await cy.join(link);
    await expect(mediaPath(ada)).toHaveAttribute('data-path', 'server');
    await expect.poll(direct).not.toBe('direct');
    await ada.sees('Bo');
    await cy.sees('Bo');
  } finally {
    await firefox.close();
  }
});

// The call where there is little room: the narrowest phone, the longest name, no camera and no microphone.
import { expect, test } from './meet.js';

test('everything fits on the narrowest phone', async ({ browser, server }) => {
  const context = await browser.newContext({ viewport: { width: 320, height: 640 }, permissions: [] });
  const page = await context.newPage();
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'));
  });
  await page.goto(`${server.url}/rooms/narrow`);
  await page.getByRole('textbox', { name: 'Your name' }).fill('Ada '.repeat(40));
  await page.getByRole('button', { name: 'Join now' }).click();

  const call = page.getByRole('toolbar', { name: 'Call controls' });
  const first = await call.getByRole('button', { name: 'Microphone' }).boundingBox();
  const last = await call.getByRole('button', { name: 'Leave' }).boundingBox();
  expect(first.x, 'space before the first control').toBeGreaterThanOrEqual(7);
  expect(last.x + last.width, 'space after the last control').toBeLessThanOrEqual(313);

  const mine = await page.locator('.tile__me').boundingBox();
  expect(mine.height, '"you" stays on one line beside a long name').toBeLessThan(26);

  await call.getByRole('button', { name: 'Microphone' }).click();
  await expect(page.getByText('No microphone was found')).toBeVisible();
  await page.getByRole('button', { name: 'Copy link' }).click({ timeout: 2_000 }); // nothing lies over it
  await context.close();
});

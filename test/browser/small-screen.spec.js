// Pages on small screens, with long names and without camera and microphone.
import { expect, test } from './meet.js';

test('all controls fit on the narrowest phone', async ({ browser, server }) => {
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

  // The tile is placed only after joining.
  const height = async () => (await page.locator('.tile__me').boundingBox())?.height ?? Infinity;
  await expect.poll(height, '"you" stays on one line beside a long name').toBeLessThan(26);

  await call.getByRole('button', { name: 'Microphone' }).click();
  await expect(page.getByText('No microphone was found')).toBeVisible();
  // The notice must not cover the button.
  const isOnTop = (button) => {
    const { x, y, width, height } = button.getBoundingClientRect();
    return button.contains(document.elementFromPoint(x + width / 2, y + height / 2));
  };
  const copy = page.getByRole('button', { name: 'Copy link' });
  await copy.scrollIntoViewIfNeeded();
  expect(await copy.evaluate(isOnTop), 'nothing covers the button').toBe(true);
  await copy.click();
  await context.close();
});

test('a long meeting name does not widen the table of meetings', async ({ browser, server }) => {
  for (const width of [1440, 320]) {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    const meeting = (id, name) => ({
      id, name, participants: ['Ada', 'Bo'], numParticipants: 2, durationSeconds: 63,
      startedAt: '2026-03-04T12:00:00Z', endedAt: '2026-03-04T12:01:03Z',
    });
    const lobby = { rooms: [], meetings: [meeting('M1', 'y'.repeat(256)), meeting('M2', 'abc-defg-hij')] };
    await page.route('**/api/events', (route) =>
      route.fulfill({ contentType: 'text/event-stream', body: `event: lobby\ndata: ${JSON.stringify(lobby)}\n\n` }));
    await page.goto(server.url);
    const row = page.getByRole('table').getByRole('row', { name: 'abc-defg-hij' });
    const duration = await row.getByText('1 min').boundingBox();
    expect(duration.x + duration.width, 'the last column is on the screen').toBeLessThanOrEqual(width);
    const name = await row.getByText('abc-defg-hij').boundingBox();
    expect(name.height, 'a code stays on one line').toBeLessThan(60);
    await page.close();
  }
});

import { expect, test } from './meet.js';
import { within } from './measure.js';

test('people who meet by a link see and hear each other and can use all controls', async ({ person, server }) => {
  const ada = await person('Ada');
  await ada.page.goto(server.url);
  await ada.page.getByRole('button', { name: 'New meeting' }).click();
  await expect(ada.page).toHaveURL(/\/rooms\/[a-z]{3}-[a-z]{4}-[a-z]{3}$/);
  const link = ada.page.url();
  await ada.join(link);
  const bo = await person('Bo');
  await bo.join(link);
  await Promise.all([ada.sees('Bo'), bo.sees('Ada'), ada.hears(), bo.hears()]);

  await test.step('the other person sees a mute', async () => {
    await expect(bo.tile('Ada')).toHaveAttribute('data-muted', 'false');
    await ada.toggle('Microphone').click();
    await expect(ada.toggle('Microphone')).toHaveAttribute('aria-pressed', 'false');
    await expect(bo.tile('Ada')).toHaveAttribute('data-muted', 'true');
    await ada.toggle('Microphone').click();
    await expect(bo.tile('Ada')).toHaveAttribute('data-muted', 'false');
    await bo.hears();
  });

  await test.step('the camera is switched off and on', async () => {
    await ada.toggle('Camera').click();
    await expect(bo.tile('Ada').locator('video')).toHaveCount(0);
    await ada.toggle('Camera').click();
    await bo.sees('Ada');
  });

  await test.step('a shared screen appears and disappears', async () => {
    await ada.toggle('Share screen').click();
    await expect(bo.tile('Ada', 'screen')).toBeVisible();
    await expect.poll(() => bo.frames('Ada', 'screen')).toBeGreaterThan(0);
    await ada.toggle('Share screen').click();
    await expect(bo.tile('Ada', 'screen')).toHaveCount(0);
  });

  await test.step('chat messages arrive with safe links', async () => {
    await ada.toggle('Chat').click();
    await ada.page.getByRole('textbox', { name: 'Message' }).fill('see https://example.org/x <b>');
    await ada.page.getByRole('button', { name: 'Send' }).click();
    await bo.toggle('Chat').click();
    const log = bo.page.getByRole('log', { name: 'Messages' });
    await expect(log).toContainText('see https://example.org/x <b>');
    await expect(log.getByRole('link')).toHaveAttribute('rel', /noopener/);
  });

  await test.step('the people panel lists participants', async () => {
    await ada.toggle('People').click();
    await expect(ada.page.getByRole('listitem').filter({ hasText: 'Bo' })).toBeVisible();
  });

  await test.step('a lost WebSocket is resumed without joining again', async () => {
    await bo.page.evaluate(() => globalThis.sockets.forEach((s) => s.close()));
    await expect.poll(() => bo.page.evaluate(() => globalThis.sockets.filter((s) => s.readyState === 1 && s.url.includes('/rtc')).length)).toBe(1);
    await ada.sees('Bo');
    await bo.sees('Ada');
    await ada.toggle('Microphone').click();
    await expect(bo.tile('Ada')).toHaveAttribute('data-muted', 'true');
    await ada.toggle('Microphone').click();
  });

  const cy = await person('Cy');
  await test.step('a third person joins later from a phone', async () => {
    await cy.page.setViewportSize({ width: 390, height: 844 });
    await cy.join(link);
    await Promise.all([cy.sees('Ada'), cy.sees('Bo'), ada.sees('Cy'), bo.sees('Cy')]);
  });

  await test.step('the lobby updates open and past meetings', async () => {
    const dee = await person('Dee');
    await dee.page.goto(server.url);
    const room = dee.page.getByRole('region', { name: 'Live now' }).getByRole('listitem').filter({ hasText: link.split('/').pop() });
    await expect(room).toContainText('3');
    await cy.toggle('Leave').click();
    await expect(cy.page.getByRole('heading', { name: 'You left the meeting' })).toBeVisible();
    await expect(room).toContainText('2'); // by an event, without a reload
    await expect(ada.tile('Cy')).toHaveCount(0);
    await bo.toggle('Leave').click();
    await ada.toggle('Leave').click();
    await expect(room).toHaveCount(0);
    const meeting = dee.page.getByRole('table', { name: 'Previous meetings' }).getByRole('row').filter({ hasText: link.split('/').pop() });
    await expect(meeting).toContainText('Ada');
    await expect(meeting).toContainText('Cy');
  });

  await test.step('a person who has left can rejoin', async () => {
    await bo.page.getByRole('button', { name: 'Rejoin' }).click();
    await expect(bo.call).toBeVisible();
    await bo.toggle('Leave').click();
    await bo.page.getByRole('button', { name: 'Back to lobby' }).click();
    await expect(bo.page.getByRole('button', { name: 'New meeting' })).toBeVisible();
  });
});

test('a stopping server shows an end page, and past meetings survive a restart and a crash', async ({ person, server }) => {
  const ada = await person('Ada');
  await ada.join(`${server.url}/rooms/restart-test`);
  const started = Date.now();
  expect(await server.end('SIGTERM')).toBe(0);
  within('the server stops, ms', Date.now() - started, 5_000);
  await expect(ada.page.getByRole('heading', { level: 1 })).toContainText(/server|restart/i);
  await server.run();
  await ada.page.goto(server.url);
  await expect(ada.page.getByRole('table', { name: 'Previous meetings' })).toContainText('restart-test');

  await ada.join(`${server.url}/rooms/crash-test`);
  await expect.poll(async () => JSON.stringify(await (await fetch(`${server.url}/api/rooms`)).json())).toContain('crash-test');
  await server.end('SIGKILL');
  await server.run();
  await ada.page.goto(server.url);
  await expect(ada.page.getByRole('table', { name: 'Previous meetings' })).toContainText('crash-test');
});

// A direct call moves to a meeting when a third person is admitted. The longest time without a new frame is measured.
import { expect, test } from './meet.js';
import { joinDirectCall, startDirectCall } from './directcall.js';
import { longestGap, startGapWatch } from './videogaps.js';
import { within } from './measure.js';

test('a direct call denies a third person, admits them later, and moves to a meeting without frozen video', async ({ person, server }) => {
  const [ada, bo, cy] = [await person('Ada'), await person('Bo'), await person('Cy')];
  const { id, link } = await startDirectCall(ada, server);
  await bo.page.goto(`${server.url}/direct`);
  await bo.page.getByRole('textbox', { name: 'Your name' }).fill('Bo');
  await bo.page.getByRole('textbox', { name: 'Session' }).fill(id.toUpperCase().replace(/(.{4})/g, '$1 '));
  await bo.page.getByRole('button', { name: 'Join session' }).click();
  await bo.sees('Ada');

  await joinDirectCall(cy, link);
  await expect(cy.page.getByText('They have been asked')).toBeVisible();
  await ada.page.getByRole('button', { name: 'Not now' }).click();
  await expect(cy.page.getByRole('alert')).toHaveText(/two people are in it already/);

  await joinDirectCall(cy, link);
  await startGapWatch(ada.page, 'Bo');
  await ada.page.getByRole('button', { name: 'Move to a meeting' }).click();
  for (const one of [ada, bo, cy]) {
    await expect(one.page).toHaveURL(/\/rooms\/[a-z]{3}-[a-z]{4}-[a-z]{3}$/);
    for (const other of [ada, bo, cy]) if (other !== one) await one.sees(other.name);
    await one.hears();
  }
  within('move to a meeting: ms without a new frame', await longestGap(ada.page), 1000);
  await expect.poll(() => ada.page.evaluate(() => globalThis.peerConnections[0].connectionState), 'the direct connection is closed').toBe('closed');
});

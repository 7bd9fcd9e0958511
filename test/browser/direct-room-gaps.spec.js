// Two who are alone in a meeting talk without the server where its owner allows it; nobody misses anything when they begin
// to, when a third comes and when the path breaks. How long pictures stand is measured.
import { mark } from './directcall.js';
import { longestGap, watchForGaps } from './gaps.js';
import { limit, within } from './measure.js';
import { expect, serverWith, test as base } from './meet.js';

const test = base.extend({ server: serverWith('--direct-rooms', '--dev') });

test('two talk directly, a third brings the server back, and a broken path too', async ({ person, server }) => {
  const link = `${server.url}/rooms/${Date.now()}`;
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  await ada.join(link);
  await bo.join(link);
  await ada.sees('Bo');
  await watchForGaps(ada.page, 'Bo');
  for (const one of [ada, bo]) await expect(mark(one), `${one.name} goes past the server`).toHaveAttribute('data-path', 'direct');
  await ada.sees('Bo');
  await bo.hears();
  within('to the direct path: ms without a new picture', await longestGap(ada.page), 1000);

  const cy = await person('Cy');
  await cy.join(link);
  for (const one of [ada, bo, cy]) for (const other of [ada, bo, cy]) if (one !== other) await one.sees(other.name);
  await expect(mark(ada)).toHaveAttribute('data-path', 'server');
  within('to the server for a third: ms without a new picture', await longestGap(ada.page), 1000);

  await cy.page.close();
  await expect(mark(ada)).toHaveAttribute('data-path', 'direct');
  await expect(ada.tile('Bo').locator('video'), 'the picture too has gone over').toHaveCount(2);
  await ada.sees('Bo');
  await watchForGaps(ada.page, 'Bo');
  // The path breaks without a word: no packet more of Bo comes on it.
  await bo.page.evaluate(() => {
    for (const pc of globalThis.peerConnections) {
      if (!pc.getTransceivers().some(({ direction }) => direction === 'sendrecv')) continue;
      for (const sender of pc.getSenders()) void sender.replaceTrack(null);
    }
  });
  await expect(mark(ada)).toHaveAttribute('data-path', 'server', { timeout: limit(10_000) });
  await ada.sees('Bo');
  await ada.hears();
  within('to the server from a broken path: ms without a new picture', await longestGap(ada.page), 1000);
});

// The direct path of a meeting of two, which --direct-rooms allows: video must not freeze when the meeting starts to use the
// path, when a third participant joins and when the path breaks. The longest time without a new frame is measured.
import { mediaPath } from './directcall.js';
import { longestGap, startGapWatch } from './videogaps.js';
import { limit, within } from './measure.js';
import { expect, serverWith, test as base } from './meet.js';

const test = base.extend({ server: serverWith('--direct-rooms', '--dev') });

test('video does not freeze when a meeting of two switches between server and direct path', async ({ person, server }) => {
  const link = `${server.url}/rooms/${Date.now()}`;
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  await ada.join(link);
  await bo.join(link);
  await ada.sees('Bo');
  await startGapWatch(ada.page, 'Bo');
  for (const one of [ada, bo]) await expect(mediaPath(one), `${one.name} uses the direct path`).toHaveAttribute('data-path', 'direct');
  await ada.sees('Bo');
  await bo.hears();
  within('switch to the direct path: ms without a new frame', await longestGap(ada.page), 1000);

  const cy = await person('Cy');
  await cy.join(link);
  for (const one of [ada, bo, cy]) for (const other of [ada, bo, cy]) if (one !== other) await one.sees(other.name);
  await expect(mediaPath(ada)).toHaveAttribute('data-path', 'server');
  within('switch to the server for a third participant: ms without a new frame', await longestGap(ada.page), 1000);

  await cy.page.close();
  await expect(mediaPath(ada)).toHaveAttribute('data-path', 'direct');
  await expect(ada.tile('Bo').locator('video'), 'the video plays from the direct path').toHaveCount(2);
  await ada.sees('Bo');
  await startGapWatch(ada.page, 'Bo');
  // The path breaks silently: Bo sends no more media on it.
  await bo.page.evaluate(() => {
    for (const pc of globalThis.peerConnections) {
      if (!pc.getTransceivers().some(({ direction }) => direction === 'sendrecv')) continue;
      for (const sender of pc.getSenders()) void sender.replaceTrack(null);
    }
  });
  await expect(mediaPath(ada)).toHaveAttribute('data-path', 'server', { timeout: limit(10_000) });
  await ada.sees('Bo');
  await ada.hears();
  within('switch to the server from a broken path: ms without a new frame', await longestGap(ada.page), 1000);
});

// Direct calls: two browsers, peer to peer, and what the pages do about a third.
import { expect, test } from './meet.js';

/** Opens a session and gives its link. */
async function open(person, server) {
  await person.page.goto(`${server.url}/direct`);
  await person.page.getByRole('textbox', { name: 'Your name' }).fill(person.name);
  await person.page.getByRole('button', { name: 'Start a direct call' }).click();
  const status = person.page.locator('[role=status][data-session]');
  await expect(status).toHaveAttribute('data-session', /^[a-z2-7]{16}$/);
  const id = await status.getAttribute('data-session');
  await expect(person.page).toHaveURL(`${server.url}/direct/${id}`);
  return { id, link: `${server.url}/direct/${id}` };
}

/** Follows the link into the call. */
async function follow(person, link) {
  await person.page.goto(link);
  await person.page.getByRole('textbox', { name: 'Your name' }).fill(person.name);
  await person.page.getByRole('button', { name: 'Join session' }).click();
}

const path = (person) => person.page.locator('[role=status][data-session]');

test('two hold a call without the server, talk, mute, share and leave', async ({ person, server }) => {
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  const { link } = await open(ada, server);
  await expect(ada.page.getByRole('region', { name: 'Invite the other person' })).toBeVisible();
  await expect(ada.page.getByRole('img', { name: 'The link as a QR code' })).toBeVisible();
  await follow(bo, link);
  await bo.sees('Ada');
  await ada.sees('Bo');
  await ada.hears();
  await bo.hears();
  for (const one of [ada, bo]) {
    await expect(path(one)).toHaveText('Direct connection');
    expect(await one.page.evaluate(() => globalThis.sockets.map((s) => new URL(s.url).pathname)), 'no socket but the introduction').toEqual(['/direct/ws']);
    expect(await one.page.evaluate(() => globalThis.peerConnections.length)).toBe(1);
  }
  expect(await (await fetch(`${server.url}/metrics`)).text(), 'nobody is in a room').toMatch(/meet_participants 0/);

  await bo.toggle('Microphone').click();
  await expect(ada.tile('Bo')).toHaveAttribute('data-muted', 'true');
  await bo.toggle('Microphone').click();
  await expect(ada.tile('Bo')).toHaveAttribute('data-muted', 'false');
  await bo.toggle('Camera').click();
  await expect(ada.tile('Bo')).toHaveAttribute('data-state', 'idle');
  await bo.toggle('Camera').click();
  await ada.sees('Bo');

  await ada.toggle('Share screen').click();
  await bo.sees('Ada', 'screen');
  await ada.tile('Ada', 'screen').getByRole('button', { name: 'Stop' }).click();
  await expect(bo.tile('Ada', 'screen')).toHaveCount(0);

  await bo.toggle('Chat').click();
  await bo.page.getByRole('textbox', { name: 'Message' }).fill('see <b>this</b>');
  await bo.page.getByRole('button', { name: 'Send' }).click();
  await ada.toggle('Chat').click();
  await expect(ada.page.getByRole('log', { name: 'Messages' })).toContainText('see <b>this</b>');
  await expect(ada.page.getByRole('log', { name: 'Messages' })).toContainText('Bo');

  await bo.toggle('Leave').click();
  await expect(bo.page.getByRole('heading', { name: 'You left the call' })).toBeVisible();
  await expect(ada.page.getByText('Bo left the call.')).toBeVisible();
  await bo.page.getByRole('button', { name: 'Rejoin' }).click();
  await ada.sees('Bo');
  await bo.sees('Ada');
});

test('a reload leads back in, from either side', async ({ person, server }) => {
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  const { link } = await open(ada, server);
  await follow(bo, link);
  await bo.sees('Ada');
  for (const [gone, stays] of [[bo, ada], [ada, bo]]) {
    await gone.page.reload();
    await gone.page.getByRole('button', { name: 'Join session' }).click();
    await gone.sees(stays.name);
    await stays.sees(gone.name);
    await stays.hears();
  }
});

test('the call outlives its connection to the server', async ({ person, server }) => {
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  const { link } = await open(ada, server);
  await follow(bo, link);
  await bo.sees('Ada');
  const users = (one) => one.page.evaluate(() => globalThis.sockets.length);
  for (const one of [ada, bo]) {
    const before = await users(one);
    await one.page.evaluate(() => globalThis.sockets.at(-1).close(4000));
    await expect.poll(() => users(one), 'it connects again').toBeGreaterThan(before);
  }
  await ada.sees('Bo');
  await bo.sees('Ada');
  // The introduction works again: what is offered now arrives.
  await bo.page.evaluate(() => globalThis.peerConnections.at(-1).restartIce());
  await expect.poll(() => bo.page.evaluate(() => globalThis.peerConnections.at(-1).signalingState)).toBe('stable');
  await ada.sees('Bo');
  await expect(path(ada)).toHaveText('Direct connection');
});

test('a session that is not there is said so', async ({ person, server }) => {
  const ada = await person('Ada');
  await follow(ada, `${server.url}/direct/aaaabbbbccccdddd`);
  await expect(ada.page.getByRole('alert')).toHaveText(/There is no such call/);
  await expect(ada.page.getByRole('textbox', { name: 'Session' })).toHaveValue('aaaabbbbccccdddd');
  await ada.page.getByRole('textbox', { name: 'Session' }).fill(' ');
  await ada.page.getByRole('button', { name: 'Join session' }).click();
  await expect(ada.page.getByRole('alert')).toHaveText(/Type the session/);
  await expect(ada.page.getByRole('button', { name: 'Start a direct call' })).toBeVisible();
});

test('a third is refused, and then all three move to a meeting without missing anything', async ({ person, server }) => {
  const [ada, bo, cy] = [await person('Ada'), await person('Bo'), await person('Cy')];
  const { id, link } = await open(ada, server);
  await bo.page.goto(`${server.url}/direct`);
  await bo.page.getByRole('textbox', { name: 'Your name' }).fill('Bo');
  await bo.page.getByRole('textbox', { name: 'Session' }).fill(id.toUpperCase().replace(/(.{4})/g, '$1 '));
  await bo.page.getByRole('button', { name: 'Join session' }).click();
  await bo.sees('Ada');

  await follow(cy, link);
  await expect(cy.page.getByText('They have been asked')).toBeVisible();
  await ada.page.getByRole('button', { name: 'Not now' }).click();
  await expect(cy.page.getByRole('alert')).toHaveText(/two people are in it already/);

  await follow(cy, link);
  await watchForGaps(ada.page, 'Bo');
  await ada.page.getByRole('button', { name: 'Move to a meeting' }).click();
  for (const one of [ada, bo, cy]) {
    await expect(one.page).toHaveURL(/\/rooms\/[a-z]{3}-[a-z]{4}-[a-z]{3}$/);
    for (const other of [ada, bo, cy]) if (other !== one) await one.sees(other.name);
    await one.hears();
  }
  const gap = await ada.page.evaluate(() => globalThis.longestGap);
  console.log(`the longest time without a new picture of Bo: ${Math.round(gap)} ms`);
  expect(gap, 'milliseconds without a new picture of Bo').toBeLessThan(1000);
  await expect.poll(() => ada.page.evaluate(() => globalThis.peerConnections[0].connectionState), 'the direct connection has ended').toBe('closed');
});

/** Notes in globalThis.longestGap the longest time in which no video of somebody showed a new frame. */
const watchForGaps = (page, name) =>
  page.evaluate((name) => {
    let newest = performance.now();
    globalThis.longestGap = 0;
    const watched = new WeakSet();
    const note = () => {
      globalThis.longestGap = Math.max(globalThis.longestGap, performance.now() - newest);
      newest = performance.now();
    };
    setInterval(() => {
      for (const video of document.querySelectorAll(`[data-participant="${name}"][data-source="camera"] video`)) {
        if (watched.has(video)) continue;
        watched.add(video);
        const again = () => {
          note();
          video.requestVideoFrameCallback(again);
        };
        video.requestVideoFrameCallback(again);
      }
      globalThis.longestGap = Math.max(globalThis.longestGap, performance.now() - newest);
    }, 20);
  }, name);

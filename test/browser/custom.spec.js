// The page /custom, which joins a room by a server address and an access token, as in links of `meet create-token --open`.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from './meet.js';

const createToken = (server, ...args) =>
  execFileSync(server.binary, ['create-token', '--data-dir', join(server.folder, 'data'), ...args]).toString().trim();
const openLink = (server, ...args) => createToken(server, '--open', '--url', server.url, ...args);

test('a link with an access token joins the room', async ({ person, server }) => {
  const ada = await person('Ada');
  const link = openLink(server, '--join', '--room', 'custom-test', '--identity', 'ada', '--name', 'Ada');
  expect(link).toContain('/custom?');
  await ada.page.goto(link);
  await expect(ada.page.getByText('You join as Ada')).toBeVisible();
  await expect(ada.page.getByRole('textbox', { name: 'Your name' })).toHaveCount(0);
  await ada.page.getByRole('button', { name: 'Join now' }).click();
  await expect(ada.call).toBeVisible();
  await expect(ada.page.getByRole('region', { name: 'Invite others' }), 'the link is only for Ada and must not be shared').toHaveCount(0);

  const bo = await person('Bo');
  await bo.join(`${server.url}/rooms/custom-test`);
  await bo.sees('Ada');
  await ada.sees('Bo');
  await ada.toggle('Leave').click();
  await ada.page.getByRole('button', { name: 'Rejoin' }).click();
  await bo.sees('Ada');
  expect(server.output, 'the log contains no token').not.toContain(new URL(link).searchParams.get('token'));
});

test('names of people and rooms are normalized', async ({ person, server }) => {
  const ada = await person('Ada');
  await ada.page.goto(openLink(server, '--join', '--room', 'cafe\u0301 \u200b', '--identity', 'ada', '--name', '\u202eA\u00adda\u202c'));
  await ada.page.getByRole('button', { name: 'Join now' }).click();
  const bo = await person('Bo');
  await bo.join(`${server.url}/rooms/caf%C3%A9`);
  await Promise.all([bo.sees('Ada'), ada.sees('Bo')]);
});

test('a link with an expired token shows why it cannot join', async ({ person, server }) => {
  const ada = await person('Ada');
  const link = new URL(openLink(server, '--join', '--room', 'custom-test', '--identity', 'ada'));
  const [head, payload, signature] = link.searchParams.get('token').split('.');
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url')), exp: 1_000_000 };
  link.searchParams.set('token', [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.'));
  await ada.page.goto(link.href);
  await ada.page.getByRole('button', { name: 'Join now' }).click();
  await expect(ada.page.getByRole('heading', { name: 'You could not join the meeting' })).toBeVisible();
  await expect(ada.page.getByText('This link has expired.')).toBeVisible();
});

test('the custom page asks for a server address and a token when they are missing', async ({ person, server }) => {
  const ada = await person('Ada');
  await ada.page.goto(`${server.url}/custom`);
  await ada.page.getByRole('textbox', { name: 'LiveKit server' }).fill('nowhere');
  await ada.page.getByRole('textbox', { name: 'Access token' }).fill('x');
  await ada.page.getByRole('button', { name: 'Connect' }).click();
  await expect(ada.page.getByRole('alert')).toHaveText(/not the address of a server/);
  await ada.page.getByRole('textbox', { name: 'LiveKit server' }).fill(server.url.replace('http', 'ws'));
  await ada.page.getByRole('textbox', { name: 'Access token' }).fill('x');
  await ada.page.getByRole('button', { name: 'Connect' }).click();
  await ada.page.getByRole('button', { name: 'Join now' }).click();
  await expect(ada.page.getByText('This link contains no access token.')).toBeVisible();
});

test('the end page says whether the meeting is full or the connection failed', async ({ person, server }) => {
  const created = await fetch(`${server.url}/twirp/livekit.RoomService/CreateRoom`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${createToken(server, '--create')}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'narrow', maxParticipants: 1 }),
  });
  expect(created.status).toBe(200);
  const ada = await person('Ada');
  await ada.join(`${server.url}/rooms/narrow`);
  const bo = await person('Bo');
  const endReason = async (room) => {
    await bo.page.goto(`${server.url}/rooms/${room}`);
    await bo.page.getByRole('textbox', { name: 'Your name' }).fill('Bo');
    await bo.page.getByRole('button', { name: 'Join now' }).click();
    return bo.page.locator('[data-ending=could-not-join] .end-screen__text');
  };
  await expect(await endReason('narrow')).toHaveText(/^This meeting is full/);
  await bo.page.routeWebSocket(/\/rtc/, (socket) => void socket.close({ code: 1011 }));
  await expect(await endReason('wide')).toHaveText('The connection to the server ended before you were in the meeting. Try again.');
});

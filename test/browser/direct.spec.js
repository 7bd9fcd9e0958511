// Direct calls: two browsers, peer to peer, and what the pages do about a third.
import { expect, test } from './meet.js';
import { launchFirefox } from './firefox.js';
import { follow, open, path } from './directcall.js';

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

test('Firefox and Chromium talk', async ({ person, server }) => {
  const firefox = await launchFirefox();
  try {
    const ada = await person('Ada');
    const { link } = await open(ada, server);
    const page = await firefox.newPage();
    await page.goto(link);
    await page.locator('#name').fill('Bo');
    await page.locator('::-p-aria(Join session)').click();
    await ada.sees('Bo');
    await ada.hears();
    const tile = (field) => page.evaluate((field) => document.querySelector('[data-participant=Ada]')?.dataset[field], field);
    await expect.poll(() => tile('state'), 'Bo sees Ada').toBe('live');
    // Firefox counts no frames of a stream's video, but the time goes on with each.
    const played = () => page.evaluate(() => document.querySelector('[data-participant=Ada] video')?.currentTime);
    const before = await played();
    await expect.poll(played, 'and the picture moves').toBeGreaterThan(before + 1);
    await expect.poll(() => page.evaluate(() => document.querySelector('[data-path]').dataset.path), 'Firefox knows the path').toBe('direct');
    await ada.toggle('Microphone').click();
    await expect.poll(() => tile('muted')).toBe('true');
    await ada.toggle('Leave').click();
    await expect.poll(() => page.evaluate(() => document.querySelectorAll('[data-participant]').length), 'Bo is alone').toBe(1);
  } finally {
    await firefox.close();
  }
});

/** A client of the Rust signalling server in the page's scope: serde's JSON, video alone, no data channel. It offers when told to. */
const rustClient = (page, session, offers) =>
  page.evaluate(
    async ([session, offers]) => {
      const camera = await navigator.mediaDevices.getUserMedia({ video: true });
      const pc = (globalThis.pc = new RTCPeerConnection());
      for (const track of camera.getTracks()) pc.addTrack(track, camera);
      pc.ontrack = ({ streams: [stream], track }) => {
        if (track.kind !== 'video' || globalThis.video) return;
        globalThis.video = Object.assign(document.createElement('video'), { muted: true, autoplay: true, srcObject: stream ?? new MediaStream([track]) });
        document.body.append(globalThis.video);
      };
      const socket = new WebSocket(`ws://${location.host}/direct/ws`);
      const say = (name, text) => socket.send(JSON.stringify({ [name]: [text, session] }));
      pc.onicecandidate = ({ candidate }) => candidate && say('IceCandidate', JSON.stringify(candidate));
      const describe = async (name) => {
        await pc.setLocalDescription();
        say(name, pc.localDescription.sdp);
      };
      const joined = new Promise((resolve, reject) => {
        socket.onmessage = async ({ data }) => {
          const [[name, content]] = Object.entries(JSON.parse(data));
          if (name === 'NewUser') socket.send(JSON.stringify({ SessionJoin: session }));
          else if (name === 'SessionJoinSuccess') {
            if (offers) await describe('VideoOffer');
            resolve();
          } else if (name === 'VideoOffer') {
            await pc.setRemoteDescription({ type: 'offer', sdp: content[0] });
            await describe('VideoAnswer');
          } else if (name === 'VideoAnswer') await pc.setRemoteDescription({ type: 'answer', sdp: content[0] });
          else if (name === 'IceCandidate') await pc.addIceCandidate(JSON.parse(content[0]));
          else reject(new Error(data));
        };
      });
      await joined;
    },
    [session, offers],
  );

for (const offers of [true, false]) {
  test(`a client of the Rust signalling server joins, which ${offers ? 'offers' : 'waits for an offer'}`, async ({ person, server }) => {
    const [ada, old] = [await person('Ada'), await person('Old')];
    const { id } = await open(ada, server);
    await old.page.goto(`${server.url}/healthz`);
    await rustClient(old.page, id, offers);
    await ada.sees('Guest');
    const frames = () => old.page.evaluate(() => globalThis.video?.getVideoPlaybackQuality().totalVideoFrames ?? 0);
    await expect.poll(frames, 'the old client sees Ada').toBeGreaterThan(10);
    await expect(path(ada)).toHaveText('Direct connection');
  });
}

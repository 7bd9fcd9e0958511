// Direct calls, which connect two browsers to each other.
import { expect, test } from './meet.js';
import { launchFirefox } from './firefox.js';
import { joinDirectCall, startDirectCall, callStatus } from './directcall.js';

test('two people talk, mute, share a screen, chat and rejoin in a direct call that bypasses the server', async ({ person, server }) => {
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  const { link } = await startDirectCall(ada, server);
  await expect(ada.page.getByRole('region', { name: 'Invite the other person' })).toBeVisible();
  await expect(ada.page.getByRole('img', { name: 'The link as a QR code' })).toBeVisible();
  await joinDirectCall(bo, link);
  await bo.sees('Ada');
  await ada.sees('Bo');
  await ada.hears();
  await bo.hears();
  for (const one of [ada, bo]) {
    await expect(callStatus(one)).toHaveText('Direct connection');
    expect(await one.page.evaluate(() => globalThis.sockets.map((s) => new URL(s.url).pathname)), 'only the signalling WebSocket is open').toEqual(['/direct/ws']);
    expect(await one.page.evaluate(() => globalThis.peerConnections.length)).toBe(1);
  }
  expect(await (await fetch(`${server.url}/metrics`)).text(), 'the server has no participants in rooms').toMatch(/meet_participants 0/);

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

test('a reload by either person rejoins the direct call', async ({ person, server }) => {
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  const { link } = await startDirectCall(ada, server);
  await joinDirectCall(bo, link);
  await bo.sees('Ada');
  for (const [reloading, other] of [[bo, ada], [ada, bo]]) {
    await reloading.page.reload();
    await reloading.page.getByRole('button', { name: 'Join session' }).click();
    await reloading.sees(other.name);
    await other.sees(reloading.name);
    await other.hears();
  }
});

test('a direct call continues when the signalling connection is lost', async ({ person, server }) => {
  const [ada, bo] = [await person('Ada'), await person('Bo')];
  const { link } = await startDirectCall(ada, server);
  await joinDirectCall(bo, link);
  await bo.sees('Ada');
  const socketCount = (one) => one.page.evaluate(() => globalThis.sockets.length);
  for (const one of [ada, bo]) {
    const before = await socketCount(one);
    await one.page.evaluate(() => globalThis.sockets.at(-1).close(4000));
    await expect.poll(() => socketCount(one), 'the signalling WebSocket reconnects').toBeGreaterThan(before);
  }
  await ada.sees('Bo');
  await bo.sees('Ada');
  // Signalling works again: a new offer arrives and is answered.
  await bo.page.evaluate(() => globalThis.peerConnections.at(-1).restartIce());
  await expect.poll(() => bo.page.evaluate(() => globalThis.peerConnections.at(-1).signalingState)).toBe('stable');
  await ada.sees('Bo');
  await expect(callStatus(ada)).toHaveText('Direct connection');
});

test('joining an unknown session shows a problem', async ({ person, server }) => {
  const ada = await person('Ada');
  await joinDirectCall(ada, `${server.url}/direct/aaaabbbbccccdddd`);
  await expect(ada.page.getByRole('alert')).toHaveText(/There is no such call/);
  await expect(ada.page.getByRole('textbox', { name: 'Session' })).toHaveValue('aaaabbbbccccdddd');
  await ada.page.getByRole('textbox', { name: 'Session' }).fill(' ');
  await ada.page.getByRole('button', { name: 'Join session' }).click();
  await expect(ada.page.getByRole('alert')).toHaveText(/Type the session/);
  await expect(ada.page.getByRole('button', { name: 'Start a direct call' })).toBeVisible();
});

test('Firefox and Chromium connect in a direct call', async ({ person, server }) => {
  const firefox = await launchFirefox();
  try {
    const ada = await person('Ada');
    const { link } = await startDirectCall(ada, server);
    const page = await firefox.newPage();
    await page.goto(link);
    await page.locator('#name').fill('Bo');
    await page.locator('::-p-aria(Join session)').click();
    await ada.sees('Bo');
    await ada.hears();
    const tile = (field) => page.evaluate((field) => document.querySelector('[data-participant=Ada]')?.dataset[field], field);
    await expect.poll(() => tile('state'), 'Bo sees Ada').toBe('playing');
    // Firefox does not count the frames of a MediaStream, but currentTime advances with each.
    const played = () => page.evaluate(() => document.querySelector('[data-participant=Ada] video')?.currentTime);
    const before = await played();
    await expect.poll(played, 'the video of Ada plays').toBeGreaterThan(before + 1);
    await expect.poll(() => page.evaluate(() => document.querySelector('[data-path]').dataset.path), 'Firefox shows the direct path').toBe('direct');
    await ada.toggle('Microphone').click();
    await expect.poll(() => tile('muted')).toBe('true');
    await ada.toggle('Leave').click();
    await expect.poll(() => page.evaluate(() => document.querySelectorAll('[data-participant]').length), 'Bo is alone').toBe(1);
  } finally {
    await firefox.close();
  }
});

/**
 * Runs in the page a client like that of the original signalling server in Rust: it writes JSON as serde does, sends only
 * video and has no data channel. If `offers` is true, it makes the first offer.
 */
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
      const send = (name, text) => socket.send(JSON.stringify({ [name]: [text, session] }));
      pc.onicecandidate = ({ candidate }) => candidate && send('IceCandidate', JSON.stringify(candidate));
      const describe = async (name) => {
        await pc.setLocalDescription();
        send(name, pc.localDescription.sdp);
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
  test(`a client of the Rust signalling server joins a direct call and ${offers ? 'makes' : 'awaits'} the offer`, async ({ person, server }) => {
    const [ada, old] = [await person('Ada'), await person('Old')];
    const { id } = await startDirectCall(ada, server);
    await old.page.goto(`${server.url}/healthz`);
    await rustClient(old.page, id, offers);
    await ada.sees('Guest');
    const frames = () => old.page.evaluate(() => globalThis.video?.getVideoPlaybackQuality().totalVideoFrames ?? 0);
    await expect.poll(frames, 'the Rust client sees Ada').toBeGreaterThan(10);
    await expect(callStatus(ada)).toHaveText('Direct connection');
  });
}

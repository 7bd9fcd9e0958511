// An impaired network link for one client of a test: runs the UDP proxy of test/impair and directs the media of a page
// through it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from './livekit.js';
import { newestFrameWidth, publishNoise, recordFrames } from './testvideo.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Returns the server's UDP address for media. Meet uses the same port for HTTP. Another server's is in LIVEKIT_TEST_UDP. */
const mediaAddress = (livekit) => livekit.server?.address ?? process.env.LIVEKIT_TEST_UDP;

/**
 * The clients that tests put behind the link. Full quality must return within recoveryTime, in ms, when the link's bitrate
 * limit is removed. A publisher takes longer, because its browser raises the bitrate slowly.
 */
export const sides = [
  { behind: 'Bo', whose: 'a subscriber, two connections', singlePeerConnection: false, recoveryTime: 10_000 },
  { behind: 'Ada', whose: 'a publisher, one connection', singlePeerConnection: true, recoveryTime: 40_000 },
];

/**
 * Starts a call in which Bo receives Ada's audio and video at full quality. The client whose name is in `behind`, Ada or Bo,
 * reaches the server through the impaired link.
 */
export async function callOverImpairedLink({ client, livekit, behind, singlePeerConnection }) {
  test.skip(!mediaAddress(livekit), 'LIVEKIT_TEST_UDP must name the UDP address of the server');
  const link = await Link.open(mediaAddress(livekit));
  const join = (name) => client(name, { options: { singlePeerConnection }, prepare: name === behind ? link.script : undefined });
  const ada = await join('Ada');
  await publishNoise(ada);
  const bo = await join('Bo');
  await recordFrames(bo);
  await expect.poll(() => newestFrameWidth(bo), 'the best layer at first').toBe(960);
  await bo.hears('Ada');
  const forwarded = async () => {
    const { up, down } = await link.stats();
    return up.datagrams + down.datagrams;
  };
  await expect.poll(forwarded, 'media pass through the link').toBeGreaterThan(100);
  return { link, ada, bo };
}

/** Link is a running proxy. test/impair/proxy documents its settings: loss, reorder, delay_ms, jitter_ms, rate, queue_ms. */
class Link {
  /** Builds the proxy and runs it in front of a UDP address. */
  static async open(target) {
    const link = new Link();
    link.folder = mkdtempSync(join(tmpdir(), 'meet-link-'));
    const binary = join(link.folder, 'proxy');
    execFileSync('go', ['build', '-o', binary, './test/impair/proxy'], { cwd: repository, stdio: 'inherit' });
    link.process = spawn(binary, [target], { stdio: ['pipe', 'pipe', 'inherit'] });
    link.ended = new Promise((resolve) => link.process.once('close', resolve));
    link.lines = createInterface({ input: link.process.stdout })[Symbol.asyncIterator]();
    ({ address: link.address } = await link.next());
    return link;
  }

  async next() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the proxy has ended');
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(`error of the proxy: ${answer.error}`);
    return answer;
  }

  async ask(request) {
    this.process.stdin.write(`${JSON.stringify(request)}\n`);
    return this.next();
  }

  /** Changes the settings of both directions, {up, down}. A missing direction or setting means no impairment. */
  set(settings) {
    return this.ask(settings);
  }

  cut(cut) {
    return this.ask({ cut });
  }

  stats() {
    return this.ask({ stats: true });
  }

  async close() {
    this.process.stdin.end();
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The script that a page must run first, so that it reaches the server only through the proxy. */
  get script() {
    const [host, port] = this.address.split(':');
    return { content: `(${replaceCandidates})(${JSON.stringify(host)}, ${port})` };
  }
}

/**
 * Runs in the page: replaces the address of the server's UDP candidates by the proxy's and removes others (RFC 8839,
 * section 5.1).
 */
function replaceCandidates(host, port) {
  const replaceIn = (text) => {
    const lines = [];
    for (const line of text.split('\n')) {
      const fields = line.split(' '); // candidate:<foundation> <component> <transport> <priority> <address> <port> typ …
      if (/^(a=)?candidate:/.test(line)) {
        if (fields[2]?.toLowerCase() !== 'udp') continue;
        [fields[4], fields[5]] = [host, port];
      }
      lines.push(fields.join(' '));
    }
    return lines.join('\n');
  };
  const connection = RTCPeerConnection.prototype;
  const { setRemoteDescription, addIceCandidate } = connection;
  connection.setRemoteDescription = function (description, ...more) {
    return setRemoteDescription.call(this, { type: description.type, sdp: replaceIn(description.sdp) }, ...more);
  };
  connection.addIceCandidate = function (candidate, ...more) {
    if (!candidate?.candidate) return addIceCandidate.call(this, candidate, ...more);
    const text = replaceIn(candidate.candidate);
    if (!text) return Promise.resolve();
    const { sdpMid, sdpMLineIndex, usernameFragment } = candidate;
    return addIceCandidate.call(this, { candidate: text, sdpMid, sdpMLineIndex, usernameFragment }, ...more);
  };
}

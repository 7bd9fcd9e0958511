// An access link with faults for one client of a test: the proxy of test/impair, and how a page is led through it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from './livekit.js';
import { newestWidth, publishNoise, watchFrames } from './picture.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The UDP address of the server's media: Meet's is that of its pages, another's LIVEKIT_TEST_UDP tells. */
const media = (livekit) => livekit.server?.address ?? process.env.LIVEKIT_TEST_UDP;

/** Who is behind the link, and how soon, in ms, full quality is back after a narrow link: upwards the browser decides. */
export const sides = [
  { behind: 'Bo', whose: 'a subscriber, two connections', singlePeerConnection: false, soon: 10_000 },
  { behind: 'Ada', whose: 'a publisher, one connection', singlePeerConnection: true, soon: 40_000 },
];

/** Ada publishes picture and sound, Bo gets both at their best, and one of them is behind the link. */
export async function callOver({ client, livekit, behind, singlePeerConnection }) {
  test.skip(!media(livekit), 'LIVEKIT_TEST_UDP does not say where the server’s media is');
  const link = await Link.open(media(livekit));
  const join = (name) => client(name, { options: { singlePeerConnection }, prepare: name === behind ? link.script : undefined });
  const ada = await join('Ada');
  await publishNoise(ada);
  const bo = await join('Bo');
  await watchFrames(bo);
  await expect.poll(() => newestWidth(bo), 'the best layer at first').toBe(960);
  await bo.hears('Ada');
  const through = async () => {
    const { up, down } = await link.stats();
    return up.datagrams + down.datagrams;
  };
  await expect.poll(through, 'media goes through the link').toBeGreaterThan(100);
  return { link, ada, bo };
}

/** A running proxy. Settings are those of test/impair/proxy: loss, reorder, delay_ms, jitter_ms, rate, queue_ms. */
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
    if (answer.error) throw new Error(`the proxy says ${answer.error}`);
    return answer;
  }

  async ask(request) {
    this.process.stdin.write(`${JSON.stringify(request)}\n`);
    return this.next();
  }

  /** The link from now on: {up, down}; what is left out is perfect. */
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

  /** What a page runs before everything else so that it reaches the server's UDP candidates here, and no others. */
  get script() {
    const [host, port] = this.address.split(':');
    return { content: `(${lead})(${JSON.stringify(host)}, ${port})` };
  }
}

/** Runs in the page: changes the candidates of the server before the browser sees them (RFC 8839 section 5.1). */
function lead(host, port) {
  const through = (text) => {
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
    return setRemoteDescription.call(this, { type: description.type, sdp: through(description.sdp) }, ...more);
  };
  connection.addIceCandidate = function (candidate, ...more) {
    if (!candidate?.candidate) return addIceCandidate.call(this, candidate, ...more);
    const text = through(candidate.candidate);
    if (!text) return Promise.resolve();
    const { sdpMid, sdpMLineIndex, usernameFragment } = candidate;
    return addIceCandidate.call(this, { candidate: text, sdpMid, sdpMLineIndex, usernameFragment }, ...more);
  };
}

// A browser receives a video file that `meet join` plays.
import { execFileSync, spawn } from 'node:child_process';
import { expect, modes, test } from './livekit.js';

// Each file lasts 30 s, longer than the test waits, so frames that a browser decodes are from the first pass of the loop.
const pattern = 'testsrc2=size=160x90:rate=10:duration=30';
const source = ['-v', 'error', '-y', '-f', 'lavfi', '-i', pattern, '-c:v', 'libvpx', '-b:v', '100k', '-cpu-used', '5'];
const altRef = ['-auto-alt-ref', '1', '-lag-in-frames', '25'];
const encode = (cwd, ...args) => execFileSync('ffmpeg', [...source, ...args], { cwd, stdio: 'inherit' });

// Each file has one key frame. A browser that misses it, or a frame after it, decodes nothing until the next pass.
const videos = {
  'one key frame': (folder) => encode(folder, '-g', '999', 'video.ivf'),
  'frames that are not shown': (folder) => {
    encode(folder, ...altRef, '-g', '999', '-pass', '1', '-f', 'null', '-');
    encode(folder, ...altRef, '-g', '999', '-pass', '2', 'video.ivf');
  },
};

for (const [mode, singlePeerConnection] of modes) {
  for (const [name, make] of Object.entries(videos)) {
    test(`a browser decodes a file with ${name} from its first frame when meet join plays it, over ${mode}`, async ({ client, livekit }, info) => {
      test.skip(!livekit.server, 'it needs the binary of Meet');
      const folder = info.outputPath();
      make(folder);
      const room = `file ${name} ${mode}`;
      const bo = await client('Bo', { options: { singlePeerConnection }, room });
      const key = ['--url', livekit.server.url, '--api-key', livekit.key, '--api-secret', livekit.secret];
      const player = spawn(livekit.server.binary, ['join', room, '--video', 'video.ivf', '--loop', ...key], { cwd: folder, stdio: 'inherit' });
      try {
        await expect.poll(async () => (await bo.inbound()).framesDecoded ?? 0).toBeGreaterThan(20);
      } finally {
        player.kill('SIGINT');
        await new Promise((resolve) => player.once('close', resolve));
      }
    });
  }
}

// A browser receives a video file that `meet join` plays.
import { execFileSync, spawn } from 'node:child_process';
import { expect, modes, test } from './livekit.js';

// The files are longer than the test waits, so a browser that decodes frames does so in the first pass.
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
    test(`a file with ${name} that meet join plays is visible from its first frame, over ${mode}`, async ({ client, livekit }, info) => {
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

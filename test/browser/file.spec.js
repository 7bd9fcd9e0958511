// A browser watches a file that `meet join` plays.
import { execFileSync, spawn } from 'node:child_process';
import { expect, modes, test } from './livekit.js';

// The films are longer than the test waits: a browser that sees something has not waited for them to begin again.
const picture = 'testsrc2=size=160x90:rate=10:duration=30';
const source = ['-v', 'error', '-y', '-f', 'lavfi', '-i', picture, '-c:v', 'libvpx', '-b:v', '100k', '-cpu-used', '5'];
const hidden = ['-auto-alt-ref', '1', '-lag-in-frames', '25'];
const encode = (cwd, ...args) => execFileSync('ffmpeg', [...source, ...args], { cwd, stdio: 'inherit' });

// They have one key frame: a browser that misses it, or a frame behind it, sees nothing until they begin again.
const films = {
  'one key frame': (folder) => encode(folder, '-g', '999', 'film.ivf'),
  'frames that are not shown': (folder) => {
    encode(folder, ...hidden, '-g', '999', '-pass', '1', '-f', 'null', '-');
    encode(folder, ...hidden, '-g', '999', '-pass', '2', 'film.ivf');
  },
};

for (const [mode, singlePeerConnection] of modes) {
  for (const [name, make] of Object.entries(films)) {
    test(`a file with ${name} is watched from its beginning, over ${mode}`, async ({ client, livekit }, info) => {
      test.skip(!livekit.server, 'another server has no such program');
      const folder = info.outputPath();
      make(folder);
      const room = `file ${name} ${mode}`;
      const bo = await client('Bo', { options: { singlePeerConnection }, room });
      const key = ['--url', livekit.server.url, '--api-key', livekit.key, '--api-secret', livekit.secret];
      const player = spawn(livekit.server.binary, ['join', room, '--video', 'film.ivf', '--loop', ...key], { cwd: folder, stdio: 'inherit' });
      try {
        await expect.poll(async () => (await bo.inbound()).framesDecoded ?? 0).toBeGreaterThan(20);
      } finally {
        player.kill('SIGINT');
        await new Promise((resolve) => player.once('close', resolve));
      }
    });
  }
}

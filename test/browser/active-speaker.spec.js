import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { expect, Person, test } from './meet.js';

/**
 * Returns a WAV file with half a second of a tone and half a second of silence. Chromium plays it in a loop as the
 * microphone.
 */
function tone() {
  const rate = 48000;
  const samples = Int16Array.from({ length: rate }, (_, i) => (i < rate / 2 ? 12000 * Math.sin((2 * Math.PI * 300 * i) / rate) : 0));
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16); // bytes of this chunk
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // one channel
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28); // bytes a second
  header.writeUInt16LE(2, 32); // bytes a sample
  header.writeUInt16LE(16, 34); // bits a sample
  header.write('data', 36);
  header.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer)]);
}

test('a tile is marked while its participant speaks, and not after muting', async ({ person, server, launchOptions }) => {
  const file = join(server.folder, 'tone.wav');
  writeFileSync(file, tone());
  const speaker = await chromium.launch({ ...launchOptions, args: [...launchOptions.args, `--use-file-for-fake-audio-capture=${file}`] });
  try {
    const context = await speaker.newContext({ permissions: ['camera', 'microphone'] });
    await context.addInitScript(() => (globalThis.peerConnections = []));
    const ada = new Person(await context.newPage(), 'Ada');
    const bo = await person('Bo');
    const link = `${server.url}/rooms/speaking`;
    await bo.join(link);
    await ada.page.goto(link);
    await ada.page.getByRole('textbox', { name: 'Your name' }).fill('Ada');
    await ada.page.getByRole('button', { name: 'Join now' }).click();
    await expect(bo.tile('Ada')).toHaveAttribute('data-speaking', 'true');
    await expect(bo.tile('Bo')).toHaveAttribute('data-speaking', 'false');
    await ada.toggle('Microphone').click();
    await expect(bo.tile('Ada')).toHaveAttribute('data-speaking', 'false');
  } finally {
    await speaker.close();
  }
});

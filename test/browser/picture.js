// A picture that costs its bits, and what becomes of it at the other end.

/**
 * Publishes noise that fills whatever bitrate the encoder has, unlike the fake camera, in three layers of at most 900,
 * 300 and 120 kbit/s, and the fake microphone. globalThis.drawn holds when each frame was drawn.
 */
export function publishNoise(client) {
  return client.evaluate(async () => {
    const { LocalVideoTrack, Track, VideoPreset } = globalThis.LivekitClient;
    const fps = 12;
    const canvas = Object.assign(document.createElement('canvas'), { width: 960, height: 540 });
    const pen = canvas.getContext('2d', { alpha: false });
    globalThis.drawn = [];
    setInterval(() => {
      for (let i = 0; i < 8; i++) {
        pen.fillStyle = `hsl(${Math.random() * 360} 80% ${Math.random() * 100}%)`;
        pen.fillRect(Math.random() * 960, Math.random() * 540, 24, 24);
      }
      globalThis.drawn.push({ at: performance.timeOrigin + performance.now() });
    }, 1000 / fps);
    const [media] = canvas.captureStream(fps).getVideoTracks();
    const layer = (width, height, bitrate) => new VideoPreset(width, height, bitrate, fps);
    await room.localParticipant.publishTrack(new LocalVideoTrack(media, undefined, true), {
      source: Track.Source.Camera,
      videoCodec: 'vp8',
      simulcast: true,
      degradationPreference: 'maintain-resolution', // a busy machine may drop frames, not pixels: those tell the layer
      videoEncoding: { maxBitrate: 900_000, maxFramerate: fps },
      videoSimulcastLayers: [layer(240, 136, 120_000), layer(480, 270, 300_000)],
    });
    await room.localParticipant.setMicrophoneEnabled(true);
  });
}

/** Begins to note in globalThis.frames when each frame of the first video is shown, and how wide it is. */
export async function watchFrames(client) {
  await client.page.waitForSelector('video');
  await client.evaluate(() => {
    const video = document.querySelector('video');
    globalThis.frames = [];
    const note = (now, { width }) => {
      globalThis.frames.push({ at: performance.timeOrigin + now, width });
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  });
}

/** The width of the newest frame, which tells the layer. */
export const newestWidth = (client) => client.evaluate(() => globalThis.frames.at(-1)?.width);

/** What the subscriber saw and heard for so many seconds, with the publisher's own longest stand for comparison. */
export async function watch(subscriber, publisher, seconds) {
  const [from, before] = [Date.now(), await counters(subscriber)];
  await subscriber.evaluate((ms) => new Promise((resolve) => setTimeout(resolve, ms)), seconds * 1000);
  const [to, after] = [Date.now(), await counters(subscriber)];
  const since = (client, name) => client.evaluate(([name, from]) => globalThis[name].filter((f) => f.at >= from), [name, from]);
  const frames = await since(subscriber, 'frames');
  const drawn = await since(publisher, 'drawn');
  const difference = (field) => after[field] - before[field];
  return {
    frames: frames.length,
    width: Math.max(0, ...frames.map((f) => f.width)),
    widths: frames.map((f) => f.width).filter((w, i, all) => w !== all[i - 1]).join(' '),
    longestGap: longestGap(frames, from, to),
    sourceGap: longestGap(drawn, from, to),
    freezes: difference('freezeCount'),
    frozen: Math.round(difference('totalFreezesDuration') * 1000),
    kbps: Math.round((difference('bytesReceived') * 8) / seconds / 1000),
    nacks: difference('nackCount'),
    plis: difference('pliCount'),
    concealed: Number((difference('concealed') / Math.max(1, difference('samples'))).toFixed(4)),
  };
}

/** Sums of the W3C's inbound-rtp statistics that matter here. */
async function counters(client) {
  const video = await client.inbound('video');
  const audio = await client.inbound('audio');
  return {
    ...video,
    concealed: (audio.concealedSamples ?? 0) - (audio.silentConcealedSamples ?? 0),
    samples: audio.totalSamplesReceived ?? 0,
  };
}

/** The longest time between two of these, or to the ends of the time they cover, in whole milliseconds. */
function longestGap(frames, from, to) {
  const at = [from, ...frames.map((f) => f.at), to];
  return Math.round(Math.max(...at.slice(1).map((t, i) => t - at[i])));
}

// Video that fills its bitrate, and measurements of what a subscriber receives of it.

/**
 * Publishes noise, which unlike the fake camera uses the full bitrate, in layers of 900, 300 and 120 kbit/s, and the fake
 * microphone. globalThis.drawn records when each frame was drawn.
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
      // On a busy machine the encoder must drop frames instead of scaling them, because the size identifies the layer.
      degradationPreference: 'maintain-resolution',
      videoEncoding: { maxBitrate: 900_000, maxFramerate: fps },
      videoSimulcastLayers: [layer(240, 136, 120_000), layer(480, 270, 300_000)],
    });
    await room.localParticipant.setMicrophoneEnabled(true);
  });
}

/** Records each frame of the first video from now on in globalThis.frames: when it is shown, and its width. */
export async function recordFrames(client) {
  await client.page.waitForSelector('video');
  await client.evaluate(() => {
    const video = document.querySelector('video');
    globalThis.frames = [];
    const record = (now, { width }) => {
      globalThis.frames.push({ at: performance.timeOrigin + now, width });
      video.requestVideoFrameCallback(record);
    };
    video.requestVideoFrameCallback(record);
  });
}

/** Returns the width of the newest frame, which identifies the layer. */
export const newestFrameWidth = (client) => client.evaluate(() => globalThis.frames.at(-1)?.width);

/**
 * Measures for some seconds what a subscriber receives: frames, freezes, bitrate and concealed audio. sourceGap is the
 * longest freeze of the publisher's own video, for comparison.
 */
export async function measureReception(subscriber, publisher, seconds) {
  const [from, before] = [Date.now(), await readCounters(subscriber)];
  await subscriber.evaluate((ms) => new Promise((resolve) => setTimeout(resolve, ms)), seconds * 1000);
  const [to, after] = [Date.now(), await readCounters(subscriber)];
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

/** Returns the inbound-rtp statistics of video, and the concealed and total samples of audio (W3C webrtc-stats). */
async function readCounters(client) {
  const video = await client.inbound('video');
  const audio = await client.inbound('audio');
  return {
    ...video,
    concealed: (audio.concealedSamples ?? 0) - (audio.silentConcealedSamples ?? 0),
    samples: audio.totalSamplesReceived ?? 0,
  };
}

/** Returns the longest time in ms between two frames, or between a frame and the start or end of the interval. */
function longestGap(frames, from, to) {
  const at = [from, ...frames.map((f) => f.at), to];
  return Math.round(Math.max(...at.slice(1).map((t, i) => t - at[i])));
}

// Measures how long video freezes.

/**
 * Starts recording, in globalThis.longestGap, the longest time without a new frame in a participant's camera tile. If
 * the tile has several videos, the topmost one counts.
 */
export const startGapWatch = (page, name) =>
  page.evaluate((name) => {
    clearInterval(globalThis.gapWatch);
    let newest = performance.now();
    globalThis.longestGap = 0;
    const watched = new WeakSet();
    const videos = () => [...document.querySelectorAll(`[data-participant="${name}"][data-source="camera"] video:not([data-waiting])`)];
    globalThis.gapWatch = setInterval(() => {
      for (const video of videos()) {
        if (watched.has(video)) continue;
        watched.add(video);
        const onFrame = () => {
          if (video === videos().at(-1)) newest = performance.now();
          video.requestVideoFrameCallback(onFrame);
        };
        video.requestVideoFrameCallback(onFrame);
      }
      globalThis.longestGap = Math.max(globalThis.longestGap, performance.now() - newest);
    }, 20);
  }, name);

/** Returns the longest time without a new frame since startGapWatch, in milliseconds. */
export const longestGap = (page) => page.evaluate(() => Math.round(globalThis.longestGap));

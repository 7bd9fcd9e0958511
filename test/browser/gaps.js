// How long pictures stand.
/** Notes in globalThis.longestGap the longest time in which the picture of somebody, the one on top, did not change. */
export const watchForGaps = (page, name) =>
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
        const again = () => {
          if (video === videos().at(-1)) newest = performance.now();
          video.requestVideoFrameCallback(again);
        };
        video.requestVideoFrameCallback(again);
      }
      globalThis.longestGap = Math.max(globalThis.longestGap, performance.now() - newest);
    }, 20);
  }, name);

/** The longest such time so far, in milliseconds. */
export const longestGap = (page) => page.evaluate(() => Math.round(globalThis.longestGap));

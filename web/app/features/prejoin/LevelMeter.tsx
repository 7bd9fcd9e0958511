import { createAudioAnalyser, type LocalAudioTrack } from "livekit-client";
import { useEffect, useRef, useState } from "react";

/** How long the microphone may be without a signal before a hint is shown, in milliseconds. */
const silenceAfter = 15_000;
/** The level from 0 to 1 below which there is no signal. Even a quiet room has a higher one. */
const noiseFloor = 0.0005;

/** LevelMeter shows the input level of the microphone, so that a person can check that it works. */
export function LevelMeter({ track }: { track: LocalAudioTrack | undefined }) {
  const meter = useRef<HTMLDivElement>(null);
  const [silent, setSilent] = useState(false);

  useEffect(() => {
    if (!track) return;
    const { calculateVolume, analyser, cleanup } = createAudioAnalyser(track);
    let frame = 0;
    let lastSignal = performance.now();
    let shown = 0;
    const draw = (now: number) => {
      const volume = calculateVolume();
      if (volume > noiseFloor || analyser.context.state !== "running") lastSignal = now;
      setSilent(now - lastSignal > silenceAfter);
      // Speech has low values on a linear scale, so the square root is shown. It falls slowly, so that people can read it.
      shown = Math.max(Math.sqrt(Math.min(1, volume * 1.6)), shown * 0.92);
      meter.current?.style.setProperty("--level", shown.toFixed(3));
      meter.current?.setAttribute("aria-valuenow", String(Math.round(shown * 100)));
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    // Some browsers start an AudioContext only after the first click or key press on the page.
    const resume = () => void (analyser.context as AudioContext).resume();
    document.addEventListener("pointerdown", resume);
    document.addEventListener("keydown", resume);
    return () => {
      cancelAnimationFrame(frame);
      document.removeEventListener("pointerdown", resume);
      document.removeEventListener("keydown", resume);
      void cleanup();
      setSilent(false);
    };
  }, [track]);

  return (
    <div className="level">
      <div ref={meter} className="level__bar" role="meter" aria-label="Input level" aria-valuemin={0} aria-valuemax={100} aria-valuenow={0} data-on={track !== undefined} />
      {silent && (
        <p className="level__silent" role="status">
          The microphone is silent. Check its mute switch, or choose another microphone.
        </p>
      )}
    </div>
  );
}

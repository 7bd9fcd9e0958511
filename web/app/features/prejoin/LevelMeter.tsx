import { createAudioAnalyser, type LocalAudioTrack } from "livekit-client";
import { useEffect, useRef, useState } from "react";

/** After this long without any signal something is wrong with the microphone. */
const silenceAfter = 15_000;
/** Below this, of 1, it is not even the noise of a quiet room. */
const nothing = 0.0005;

/** LevelMeter shows how loud the microphone is, so that one sees oneself heard. */
export function LevelMeter({ track }: { track: LocalAudioTrack | undefined }) {
  const meter = useRef<HTMLDivElement>(null);
  const [silent, setSilent] = useState(false);

  useEffect(() => {
    if (!track) return;
    const { calculateVolume, analyser, cleanup } = createAudioAnalyser(track);
    let frame = 0;
    let heard = performance.now();
    let shown = 0;
    const draw = (now: number) => {
      const volume = calculateVolume();
      if (volume > nothing || analyser.context.state !== "running") heard = now;
      setSilent(now - heard > silenceAfter);
      // Speech sits low on a linear scale; falling slowly makes it readable.
      shown = Math.max(Math.sqrt(Math.min(1, volume * 1.6)), shown * 0.92);
      meter.current?.style.setProperty("--level", shown.toFixed(3));
      meter.current?.setAttribute("aria-valuenow", String(Math.round(shown * 100)));
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    // Some browsers start the sound graph only after the page was touched.
    const wake = () => void (analyser.context as AudioContext).resume();
    document.addEventListener("pointerdown", wake);
    document.addEventListener("keydown", wake);
    return () => {
      cancelAnimationFrame(frame);
      document.removeEventListener("pointerdown", wake);
      document.removeEventListener("keydown", wake);
      void cleanup();
      setSilent(false);
    };
  }, [track]);

  return (
    <div className="level">
      <div ref={meter} className="level__bar" role="meter" aria-label="Input level" aria-valuemin={0} aria-valuemax={100} aria-valuenow={0} data-on={track !== undefined} />
      {silent && (
        <p className="level__silent" role="status">
          No sound arrives. Is it switched off on the device, or is another one the right one?
        </p>
      )}
    </div>
  );
}

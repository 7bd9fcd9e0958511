import { useEffect, useRef } from "react";
import { loadPreferences } from "../lib/storage";

/** TrackAudio plays a MediaStreamTrack through the chosen speaker. */
export function TrackAudio({ track, muted = false, onRefused }: {
  track: MediaStreamTrack | undefined;
  muted?: boolean;
  /** Called when the browser refuses to play audio before the first click on the page. */
  onRefused?: () => void;
}) {
  const onRefusedRef = useRef(onRefused);
  useEffect(() => {
    onRefusedRef.current = onRefused;
  });
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const element = audio.current;
    if (!element || !track) return;
    element.srcObject = new MediaStream([track]);
    const { speakerId } = loadPreferences();
    if (speakerId !== "" && "setSinkId" in element) element.setSinkId(speakerId).catch(() => undefined); // an unplugged speaker: use the default
    element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") onRefusedRef.current?.(); // otherwise the next track has replaced this one
    });
    return () => {
      element.srcObject = null;
    };
  }, [track]);
  return <audio ref={audio} data-direct muted={muted} />;
}

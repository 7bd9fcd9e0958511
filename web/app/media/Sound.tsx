import { useEffect, useRef } from "react";
import { loadPreferences } from "../lib/storage";

/** Sound plays a track of the browser's own on the loudspeaker that was chosen. */
export function Sound({ track, muted = false, onRefused }: {
  track: MediaStreamTrack | undefined;
  muted?: boolean;
  /** The browser does not play sound before the page is touched. */
  onRefused?: () => void;
}) {
  const refused = useRef(onRefused);
  useEffect(() => {
    refused.current = onRefused;
  });
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const element = audio.current;
    if (!element || !track) return;
    element.srcObject = new MediaStream([track]);
    const { speakerId } = loadPreferences();
    if (speakerId !== "" && "setSinkId" in element) element.setSinkId(speakerId).catch(() => undefined); // it is gone: the default then
    element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") refused.current?.(); // else cut short by the next track
    });
    return () => {
      element.srcObject = null;
    };
  }, [track]);
  return <audio ref={audio} data-direct muted={muted} />;
}

import { useEffect, useRef } from "react";
import { loadPreferences } from "../lib/storage";

/** Sound plays a track of the browser's own on the loudspeaker that was chosen. */
export function Sound({ track, muted = false }: { track: MediaStreamTrack | undefined; muted?: boolean }) {
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const element = audio.current;
    if (!element || !track) return;
    element.srcObject = new MediaStream([track]);
    const { speakerId } = loadPreferences();
    if (speakerId !== "" && "setSinkId" in element) element.setSinkId(speakerId).catch(() => undefined); // it is gone: the default then
    element.play().catch(() => undefined); // cut short by the next track
    return () => {
      element.srcObject = null;
    };
  }, [track]);
  return <audio ref={audio} data-direct muted={muted} />;
}

/** setSpeaker moves every Sound to another loudspeaker; the empty id is the system's default. */
export async function setSpeaker(deviceId: string): Promise<void> {
  await Promise.all([...document.querySelectorAll<HTMLAudioElement>("audio[data-direct]")].map((element) => element.setSinkId(deviceId)));
}

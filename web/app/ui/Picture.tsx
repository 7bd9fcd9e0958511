import { useEffect, useRef, useState } from "react";

/** Picture plays a track of the browser's own, and tells when it does and whether it stands upright. */
export function Picture({ track, onLive, onUpright }: { track: MediaStreamTrack; onLive: (live: boolean) => void; onUpright: (upright: boolean) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [live, setLive] = useState(false);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = new MediaStream([track]);
    element.play().catch(() => undefined); // cut short by the next track
    return () => {
      element.srcObject = null;
      setLive(false);
      onLive(false);
    };
  }, [track, onLive]);
  return (
    <video
      ref={video}
      muted
      playsInline
      autoPlay
      data-waiting={live ? undefined : ""}
      onLoadedData={() => {
        setLive(true);
        onLive(true);
      }}
      onResize={({ currentTarget: { videoWidth, videoHeight } }) => onUpright(videoHeight > videoWidth)}
    />
  );
}

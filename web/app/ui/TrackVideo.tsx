import { useEffect, useRef, useState } from "react";

/** TrackVideo plays a MediaStreamTrack, and reports when it starts or stops playing and whether it is in portrait format. */
export function TrackVideo({ track, onPlaying, onPortrait }: { track: MediaStreamTrack; onPlaying: (playing: boolean) => void; onPortrait: (portrait: boolean) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = new MediaStream([track]);
    element.play().catch(() => undefined); // rejects when the next track replaces this one
    return () => {
      element.srcObject = null;
      setPlaying(false);
      onPlaying(false);
    };
  }, [track, onPlaying]);
  return (
    <video
      ref={video}
      muted
      playsInline
      autoPlay
      data-waiting={playing ? undefined : ""}
      onLoadedData={() => {
        setPlaying(true);
        onPlaying(true);
      }}
      onResize={({ currentTarget: { videoWidth, videoHeight } }) => onPortrait(videoHeight > videoWidth)}
    />
  );
}

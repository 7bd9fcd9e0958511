import type { LocalVideoTrack } from "livekit-client";
import { useEffect, useRef } from "react";
import { normalizeName } from "../../lib/name";
import type { LocalMedia, LocalMediaState } from "../../media/localMedia";
import type { DeviceKind } from "../../media/mediaProblem";
import { Avatar } from "../../ui/Avatar";
import { Toggle } from "../../ui/Control";
import { Icon } from "../../ui/Icon";
import { LevelMeter } from "./LevelMeter";

/** Preview shows the camera's video, mirrored, with switches for camera and microphone. */
export function Preview({ media, state, name }: { media: LocalMedia; state: LocalMediaState; name: string }) {
  const { microphone, camera } = state;
  const toggle = (kind: DeviceKind) => () => void media.setWanted(kind, !state[kind].wanted);
  const asking = microphone.phase === "asking" || camera.phase === "asking";
  return (
    <section className="preview" aria-label="Preview">
      <div className="preview__frame">
        {camera.phase === "on" && media.camera ? (
          <SelfVideo track={media.camera} />
        ) : (
          <div className="preview__placeholder">
            {normalizeName(name) === "" ? <span className="preview__icon"><Icon name="camera" /></span> : <Avatar name={name} />}
            <p role="status">{asking ? "Allow the camera and microphone when your browser asks. You can also join without them." : camera.wanted ? "" : "Your camera is off"}</p>
          </div>
        )}
        <div className="preview__controls">
          <Toggle
            label="Microphone"
            icon={microphone.wanted && microphone.phase !== "failed" ? "microphone" : "microphoneOff"}
            pressed={microphone.wanted && microphone.phase !== "failed"}
            device
            onPress={microphone.phase === "failed" ? () => void media.setWanted("microphone", true) : toggle("microphone")}
          />
          <Toggle
            label="Camera"
            icon={camera.wanted && camera.phase !== "failed" ? "camera" : "cameraOff"}
            pressed={camera.wanted && camera.phase !== "failed"}
            device
            onPress={camera.phase === "failed" ? () => void media.setWanted("camera", true) : toggle("camera")}
          />
          <LevelMeter track={microphone.phase === "on" ? media.microphone : undefined} />
        </div>
      </div>
      <Problem media={media} state={state} kind="microphone" />
      <Problem media={media} state={state} kind="camera" />
    </section>
  );
}

function SelfVideo({ track }: { track: LocalVideoTrack }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    track.attach(element);
    return () => {
      track.detach(element);
    };
  }, [track]);
  return <video ref={video} className="preview__video" muted playsInline autoPlay aria-label="Your camera" />;
}

function Problem({ media, state, kind }: { media: LocalMedia; state: LocalMediaState; kind: DeviceKind }) {
  const { problem } = state[kind];
  if (!problem) return null;
  return (
    <div className="media-problem" role="status" data-code={problem.code}>
      <Icon name="warning" />
      <div>
        <p className="media-problem__title">{problem.title}</p>
        <p>{problem.text}</p>
      </div>
      {problem.retry && (
        <button type="button" className="button button--small button--outline" onClick={() => void media.setWanted(kind, true)}>
          Try again
        </button>
      )}
    </div>
  );
}

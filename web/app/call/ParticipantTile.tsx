import { isTrackReference, type TrackReferenceOrPlaceholder, VideoTrack } from "@livekit/components-react";
import { Track } from "livekit-client";
import { useState } from "react";
import { displayName, useParticipant } from "../features/people/useParticipant";
import type { Rect } from "../ui/tileLayout";
import { OwnScreenPlaceholder } from "../ui/OwnScreenPlaceholder";
import { TrackVideo } from "../ui/TrackVideo";
import { Tile } from "../ui/Tile";
import { useVideoProblem } from "./useVideoProblem";

/** ParticipantTile shows a participant's camera or screen, or the tile without video if none is published. */
export function ParticipantTile({ trackRef, directTrack, rect, onStopSharing }: {
  trackRef: TrackReferenceOrPlaceholder;
  /** The same video, received on the direct path. When it plays, it covers the video from the server. */
  directTrack: MediaStreamTrack | undefined;
  rect: Rect;
  onStopSharing: () => void;
}) {
  const { participant, source } = trackRef;
  const screen = source === Track.Source.ScreenShare;
  const name = useParticipant(participant, displayName);
  const muted = useParticipant(participant, (p) => !p.isMicrophoneEnabled);
  const speaking = useParticipant(participant, (p) => p.isSpeaking);
  const quality = useParticipant(participant, (p) => p.connectionQuality);
  const cameraOn = useParticipant(participant, (p) => p.isCameraEnabled);
  const videoProblem = useVideoProblem(participant, source);
  const [serverPlaying, setServerPlaying] = useState(false);
  const [directPlaying, setDirectPlaying] = useState(false);
  const [portrait, setPortrait] = useState(false);

  const mine = participant.isLocal;
  const shown = isTrackReference(trackRef) && trackRef.publication.track !== undefined && (screen ? !mine : cameraOn);
  const expected = screen ? !mine : cameraOn;

  return (
    <Tile
      name={name}
      me={mine}
      source={screen ? "screen" : "camera"}
      muted={muted}
      speaking={speaking && !muted && !screen}
      quality={quality}
      state={shown && (serverPlaying || directPlaying) ? "playing" : expected ? "waiting" : "idle"}
      videoProblem={expected && !directPlaying ? videoProblem : ""}
      portrait={portrait}
      rect={rect}
    >
      {shown && (
        <VideoTrack
          trackRef={trackRef}
          onLoadedData={() => setServerPlaying(true)}
          onEmptied={() => setServerPlaying(false)}
          onResize={({ currentTarget: { videoWidth, videoHeight } }) => setPortrait(videoHeight > videoWidth)}
        />
      )}
      {shown && directTrack && <TrackVideo track={directTrack} onPlaying={setDirectPlaying} onPortrait={setPortrait} />}
      {screen && mine && <OwnScreenPlaceholder onStop={onStopSharing} />}
    </Tile>
  );
}

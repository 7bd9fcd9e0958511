import { isTrackReference, type TrackReferenceOrPlaceholder, VideoTrack } from "@livekit/components-react";
import { Track } from "livekit-client";
import { useState } from "react";
import { displayName, useParticipant } from "../features/people/useParticipant";
import type { Cell } from "../ui/arrange";
import { OwnScreen } from "../ui/OwnScreen";
import { Picture } from "../ui/Picture";
import { Tile } from "../ui/Tile";
import { useInterruption } from "./useInterruption";

/** ParticipantTile draws a publication of somebody, or the place where their picture would be. */
export function ParticipantTile({ trackRef, picture, cell, onStopSharing }: {
  trackRef: TrackReferenceOrPlaceholder;
  /** The same picture by a direct path, shown in place of the server's once it plays. */
  picture: MediaStreamTrack | undefined;
  cell: Cell;
  onStopSharing: () => void;
}) {
  const { participant, source } = trackRef;
  const screen = source === Track.Source.ScreenShare;
  const name = useParticipant(participant, displayName);
  const muted = useParticipant(participant, (p) => !p.isMicrophoneEnabled);
  const speaking = useParticipant(participant, (p) => p.isSpeaking);
  const quality = useParticipant(participant, (p) => p.connectionQuality);
  const cameraOn = useParticipant(participant, (p) => p.isCameraEnabled);
  const interruption = useInterruption(participant, source);
  const [live, setLive] = useState(false);
  const [direct, setDirect] = useState(false);
  const [upright, setUpright] = useState(false);

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
      state={shown && (live || direct) ? "live" : expected ? "waiting" : "idle"}
      interruption={expected && !direct ? interruption : ""}
      upright={upright}
      cell={cell}
    >
      {shown && (
        <VideoTrack
          trackRef={trackRef}
          onLoadedData={() => setLive(true)}
          onEmptied={() => setLive(false)}
          onResize={({ currentTarget: { videoWidth, videoHeight } }) => setUpright(videoHeight > videoWidth)}
        />
      )}
      {shown && picture && <Picture track={picture} onLive={setDirect} onUpright={setUpright} />}
      {screen && mine && <OwnScreen onStop={onStopSharing} />}
    </Tile>
  );
}

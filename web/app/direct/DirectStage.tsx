import { useState } from "react";
import { useObservable } from "../lib/useObservable";
import type { Rect } from "../ui/tileLayout";
import { OwnScreenPlaceholder } from "../ui/OwnScreenPlaceholder";
import { TrackVideo } from "../ui/TrackVideo";
import { Tile } from "../ui/Tile";
import { TileStage } from "../ui/TileStage";
import { type DirectCall, displayNameOf, type Peer } from "./directCall";
import type { PeerState } from "./message";

/** The audio level from 0 to 1 above which a person counts as speaking. */
const speakingLevel = 0.02;

interface DirectTileProps {
  key: string;
  name: string;
  me: boolean;
  source: "camera" | "screen";
  enabled: boolean;
  track: MediaStreamTrack | undefined;
  muted: boolean;
  speaking: boolean;
  quality: "unknown" | "excellent" | "good" | "poor";
}

/** DirectStage shows the tiles of a direct call: both people, and the screen that either of them shares. */
export function DirectStage({ call, local, peer }: { call: DirectCall; local: PeerState; peer: Peer | undefined }) {
  useObservable(call.media.state); // renders again when the camera changes
  const tiles = directTiles(call, local, peer);
  return (
    <TileStage
      tiles={tiles}
      spotlight={tiles[0]?.source === "screen"}
      renderTile={(tile, rect) => <DirectTile key={tile.key} tile={tile} rect={rect} onStopSharing={() => void call.setSharing(false)} />}
    />
  );
}

function directTiles(call: DirectCall, local: PeerState, peer: Peer | undefined): DirectTileProps[] {
  const tiles: DirectTileProps[] = [];
  const mine = { name: displayNameOf(local), me: true, quality: "unknown" as const };
  const remote = { name: displayNameOf(peer), me: false, quality: peer?.stats.quality ?? ("unknown" as const) };
  const screen = { source: "screen" as const, enabled: true, muted: false, speaking: false };
  if (peer?.screen === true) tiles.push({ ...remote, ...screen, key: "peer-screen", track: peer.tracks.screen });
  if (local.screen) tiles.push({ ...mine, ...screen, key: "my-screen", track: undefined });
  if (peer) {
    tiles.push({ ...remote, source: "camera", key: "peer", enabled: peer.camera, track: peer.tracks.camera, muted: !peer.microphone, speaking: peer.microphone && peer.stats.remoteLevel > speakingLevel });
  }
  tiles.push({ ...mine, source: "camera", key: "me", enabled: local.camera, track: call.media.camera?.mediaStreamTrack, muted: !local.microphone, speaking: local.microphone && (peer?.stats.localLevel ?? 0) > speakingLevel });
  return tiles;
}

function DirectTile({ tile, rect, onStopSharing }: { tile: DirectTileProps; rect: Rect; onStopSharing: () => void }) {
  const [playing, setPlaying] = useState(false);
  const [portrait, setPortrait] = useState(false);
  const { me, source, enabled, track } = tile;
  const ownScreen = me && source === "screen";
  return (
    <Tile
      name={tile.name}
      me={me}
      source={source}
      muted={tile.muted}
      speaking={tile.speaking}
      quality={tile.quality}
      state={!enabled ? "idle" : playing || ownScreen ? "playing" : "waiting"}
      videoProblem=""
      portrait={portrait}
      rect={rect}
    >
      {enabled && track && <TrackVideo track={track} onPlaying={setPlaying} onPortrait={setPortrait} />}
      {ownScreen && <OwnScreenPlaceholder onStop={onStopSharing} />}
    </Tile>
  );
}

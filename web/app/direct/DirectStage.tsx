import { useState } from "react";
import { useObservable } from "../lib/useObservable";
import type { Cell } from "../ui/arrange";
import { OwnScreen } from "../ui/OwnScreen";
import { Picture } from "../ui/Picture";
import { Tile } from "../ui/Tile";
import { TileStage } from "../ui/TileStage";
import { type DirectCall, nameOf, type Other } from "./directCall";
import type { OwnState } from "./message";

/** Louder than this, of 1, somebody speaks. */
const speech = 0.02;

interface Shown {
  key: string;
  name: string;
  me: boolean;
  source: "camera" | "screen";
  on: boolean;
  track: MediaStreamTrack | undefined;
  muted: boolean;
  speaking: boolean;
  quality: "unknown" | "excellent" | "good" | "poor";
}

/** DirectStage shows the other, oneself, and the screen that either shares. */
export function DirectStage({ call, own, other }: { call: DirectCall; own: OwnState; other: Other | undefined }) {
  useObservable(call.media.state); // which camera it is
  const tiles = shownTiles(call, own, other);
  return (
    <TileStage
      tiles={tiles}
      staged={tiles[0]?.source === "screen"}
      draw={(tile, cell) => <DirectTile key={tile.key} shown={tile} cell={cell} onStopSharing={() => void call.setSharing(false)} />}
    />
  );
}

function shownTiles(call: DirectCall, own: OwnState, other: Other | undefined): Shown[] {
  const tiles: Shown[] = [];
  const mine = { name: nameOf(own), me: true, quality: "unknown" as const };
  const theirs = { name: nameOf(other), me: false, quality: other?.stats.quality ?? ("unknown" as const) };
  const screen = { source: "screen" as const, on: true, muted: false, speaking: false };
  if (other?.screen === true) tiles.push({ ...theirs, ...screen, key: "their-screen", track: other.tracks.screen });
  if (own.screen) tiles.push({ ...mine, ...screen, key: "my-screen", track: undefined });
  if (other) {
    tiles.push({ ...theirs, source: "camera", key: "other", on: other.camera, track: other.tracks.camera, muted: !other.microphone, speaking: other.microphone && other.stats.heard > speech });
  }
  tiles.push({ ...mine, source: "camera", key: "me", on: own.camera, track: call.media.camera?.mediaStreamTrack, muted: !own.microphone, speaking: own.microphone && (other?.stats.said ?? 0) > speech });
  return tiles;
}

function DirectTile({ shown, cell, onStopSharing }: { shown: Shown; cell: Cell; onStopSharing: () => void }) {
  const [live, setLive] = useState(false);
  const [upright, setUpright] = useState(false);
  const { me, source, on, track } = shown;
  const ownScreen = me && source === "screen";
  return (
    <Tile
      name={shown.name}
      me={me}
      source={source}
      muted={shown.muted}
      speaking={shown.speaking}
      quality={shown.quality}
      state={!on ? "idle" : live || ownScreen ? "live" : "waiting"}
      interruption=""
      upright={upright}
      cell={cell}
    >
      {on && track && <Picture track={track} onLive={setLive} onUpright={setUpright} />}
      {ownScreen && <OwnScreen onStop={onStopSharing} />}
    </Tile>
  );
}

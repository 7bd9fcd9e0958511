import type { TrackReferenceOrPlaceholder } from "@livekit/components-react";
import { Track } from "livekit-client";

const isScreen = (tile: TrackReferenceOrPlaceholder) => tile.source === Track.Source.ScreenShare;

/**
 * orderTiles puts others' shared screens first, then people in the order they
 * came, oneself last, so that nobody's place changes because somebody else
 * spoke. One's own screen needs no looking at and comes at the very end.
 */
export function orderTiles(tiles: readonly TrackReferenceOrPlaceholder[]): TrackReferenceOrPlaceholder[] {
  const rank = (tile: TrackReferenceOrPlaceholder) =>
    tile.participant.isLocal ? (isScreen(tile) ? 3 : 2) : isScreen(tile) ? 0 : 1;
  const since = (tile: TrackReferenceOrPlaceholder) => tile.participant.joinedAt?.getTime() ?? 0;
  return [...tiles].sort(
    (a, b) => rank(a) - rank(b) || since(a) - since(b) || a.participant.identity.localeCompare(b.participant.identity),
  );
}

/** hasStage reports whether the first tile, somebody else's screen, takes the stage. */
export function hasStage(ordered: readonly TrackReferenceOrPlaceholder[]): boolean {
  const [first] = ordered;
  return first !== undefined && isScreen(first) && !first.participant.isLocal;
}

/** tileKey keeps a tile the same tile while its publication comes and goes. */
export function tileKey(tile: TrackReferenceOrPlaceholder): string {
  return `${tile.participant.identity}/${tile.source}`;
}

import type { TrackReferenceOrPlaceholder } from "@livekit/components-react";
import { Track } from "livekit-client";

const isScreen = (tile: TrackReferenceOrPlaceholder) => tile.source === Track.Source.ScreenShare;

/**
 * orderTiles sorts tiles: first the other participants' screens, then the other participants in the order in which they
 * joined, then this participant, then their own screen. The order does not depend on who speaks, so tiles keep their places.
 */
export function orderTiles(tiles: readonly TrackReferenceOrPlaceholder[]): TrackReferenceOrPlaceholder[] {
  const rank = (tile: TrackReferenceOrPlaceholder) =>
    tile.participant.isLocal ? (isScreen(tile) ? 3 : 2) : isScreen(tile) ? 0 : 1;
  const since = (tile: TrackReferenceOrPlaceholder) => tile.participant.joinedAt?.getTime() ?? 0;
  return [...tiles].sort(
    (a, b) => rank(a) - rank(b) || since(a) - since(b) || a.participant.identity.localeCompare(b.participant.identity),
  );
}

/** hasSpotlight reports whether the first tile is another participant's screen, which is shown large. */
export function hasSpotlight(ordered: readonly TrackReferenceOrPlaceholder[]): boolean {
  const [first] = ordered;
  return first !== undefined && isScreen(first) && !first.participant.isLocal;
}

/** tileKey returns the React key of a tile. It is the same before and after a publication ends. */
export function tileKey(tile: TrackReferenceOrPlaceholder): string {
  return `${tile.participant.identity}/${tile.source}`;
}

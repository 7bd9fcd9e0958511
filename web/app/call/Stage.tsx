import { useTracks } from "@livekit/components-react";
import { Track } from "livekit-client";
import { TileStage } from "../ui/TileStage";
import type { DirectMedia } from "./directPath";
import { ParticipantTile } from "./ParticipantTile";
import { hasSpotlight, orderTiles, tileKey } from "./tiles";

/** Stage shows the tiles of all participants and shared screens. direct is the media from the direct path. */
export function Stage({ direct, onStopSharing }: { direct: DirectMedia; onStopSharing: () => void }) {
  const tiles = orderTiles(
    useTracks(
      [
        { source: Track.Source.Camera, withPlaceholder: true },
        { source: Track.Source.ScreenShare, withPlaceholder: false },
      ],
      { onlySubscribed: false },
    ),
  );
  return (
    <TileStage
      tiles={tiles}
      spotlight={hasSpotlight(tiles)}
      renderTile={(tile, rect) => {
        const directTrack = tile.participant === direct.from ? direct.tracks[tile.source === Track.Source.ScreenShare ? "screen" : "camera"] : undefined;
        return <ParticipantTile key={tileKey(tile)} trackRef={tile} directTrack={directTrack} rect={rect} onStopSharing={onStopSharing} />;
      }}
    />
  );
}

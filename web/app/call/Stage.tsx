import { useTracks } from "@livekit/components-react";
import { Track } from "livekit-client";
import { TileStage } from "../ui/TileStage";
import type { DirectMedia } from "./directPath";
import { ParticipantTile } from "./ParticipantTile";
import { hasStage, orderTiles, tileKey } from "./tiles";

/** Stage shows the people and the shared screens; direct is what comes by a direct path. */
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
      staged={hasStage(tiles)}
      draw={(tile, cell) => {
        const picture = tile.participant === direct.from ? direct.tracks[tile.source === Track.Source.ScreenShare ? "screen" : "camera"] : undefined;
        return <ParticipantTile key={tileKey(tile)} trackRef={tile} picture={picture} cell={cell} onStopSharing={onStopSharing} />;
      }}
    />
  );
}

import { useTracks } from "@livekit/components-react";
import { Track } from "livekit-client";
import { useState } from "react";
import { arrange, arrangeStage } from "../ui/arrange";
import { Icon } from "../ui/Icon";
import { useSize } from "../ui/useSize";
import type { DirectMedia } from "./directPath";
import { ParticipantTile } from "./ParticipantTile";
import { hasStage, orderTiles, pageSize, tileKey } from "./tiles";

/** Narrower than this the window is a phone's. */
const narrow = 600;

/** Stage shows the people and the shared screens, as large as the space allows; direct is what comes by a direct path. */
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
  const [stage, { width, height }] = useSize<HTMLDivElement>();
  const [page, setPage] = useState(0);

  const staged = hasStage(tiles);
  const perPage = width < narrow ? pageSize.narrow : pageSize.wide;
  const pages = staged ? 1 : Math.max(1, Math.ceil(tiles.length / perPage));
  const current = Math.min(page, pages - 1);
  const shown = staged ? tiles : tiles.slice(current * perPage, (current + 1) * perPage);
  const cells = staged ? arrangeStage(shown.length, width, height) : arrange(shown.length, width, height);

  return (
    <section className="stage" aria-label="Participants">
      <div className="stage__tiles" ref={stage}>
        {shown.map((tile, index) => {
          const cell = cells[index];
          const picture = tile.participant === direct.from ? direct.tracks[tile.source === Track.Source.ScreenShare ? "screen" : "camera"] : undefined;
          return cell && <ParticipantTile key={tileKey(tile)} trackRef={tile} picture={picture} cell={cell} onStopSharing={onStopSharing} />;
        })}
      </div>
      {pages > 1 && (
        <nav className="stage__pages" aria-label="Pages of participants">
          <button type="button" className="icon-button" aria-label="Previous page" disabled={current === 0} onClick={() => setPage(current - 1)}>
            <Icon name="previous" />
          </button>
          <span>
            {current + 1} of {pages}
          </span>
          <button type="button" className="icon-button" aria-label="Next page" disabled={current === pages - 1} onClick={() => setPage(current + 1)}>
            <Icon name="next" />
          </button>
        </nav>
      )}
    </section>
  );
}

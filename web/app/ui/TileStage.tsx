import { useState } from "react";
import { gridLayout, spotlightLayout, type Rect } from "./tileLayout";
import { Icon } from "./Icon";
import { useSize } from "./useSize";

/** The width in pixels below which the window counts as a phone's. */
const phoneWidth = 600;
/** The number of tiles on one page: more would be too small to recognise faces, and phones decode few videos at a time. */
const pageSize = { desktop: 25, phone: 8 };

/**
 * TileStage arranges tiles as large as its area allows. With spotlight, the first tile is large and the others form a strip
 * beside it. Otherwise all tiles have one size, on several pages if there are many.
 */
export function TileStage<T>({ tiles, spotlight, renderTile }: {
  tiles: readonly T[];
  spotlight: boolean;
  /** Renders a tile at its rectangle. The element needs a key. */
  renderTile: (tile: T, rect: Rect) => React.ReactNode;
}) {
  const [stage, { width, height }] = useSize<HTMLDivElement>();
  const [page, setPage] = useState(0);

  const perPage = width < phoneWidth ? pageSize.phone : pageSize.desktop;
  const pages = spotlight ? 1 : Math.max(1, Math.ceil(tiles.length / perPage));
  const current = Math.min(page, pages - 1);
  const shown = spotlight ? tiles : tiles.slice(current * perPage, (current + 1) * perPage);
  const rects = spotlight ? spotlightLayout(shown.length, width, height) : gridLayout(shown.length, width, height);

  return (
    <section className="stage" aria-label="Participants">
      <div className="stage__tiles" ref={stage}>
        {shown.map((tile, index) => {
          const rect = rects[index];
          return rect && renderTile(tile, rect);
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

import { useState } from "react";
import { arrange, arrangeStage, type Cell } from "./arrange";
import { Icon } from "./Icon";
import { useSize } from "./useSize";

/** Narrower than this the window is a phone's. */
const narrow = 600;
/** Tiles on one page: more would be stamps, and a phone decodes only a few. */
const pageSize = { wide: 25, narrow: 8 };

/**
 * TileStage shows tiles as large as the space allows: the first on the stage and the others beside it, or all alike, on
 * several pages if they are many.
 */
export function TileStage<T>({ tiles, staged, draw }: {
  tiles: readonly T[];
  staged: boolean;
  /** Draws a tile in its place, with a key. */
  draw: (tile: T, cell: Cell) => React.ReactNode;
}) {
  const [stage, { width, height }] = useSize<HTMLDivElement>();
  const [page, setPage] = useState(0);

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
          return cell && draw(tile, cell);
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

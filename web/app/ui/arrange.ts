// Where tiles go. Pure geometry: no scrolling, as large as they get, the last row centred.

export interface Cell {
  x: number;
  y: number;
  width: number;
  height: number;
}

const gap = 10;
// As wide as a camera's picture usually is; narrower only as far as the crop keeps a face.
const widest = 16 / 9;
const narrowest = (width: number, height: number) => (width > height ? 4 / 3 : 3 / 4);

/** arrange places count equal tiles in a space of the given size. */
export function arrange(count: number, width: number, height: number): Cell[] {
  if (count <= 0 || width <= 0 || height <= 0) return [];
  const columns = bestColumns(count, width, height);
  const rows = Math.ceil(count / columns);
  const size = tileSize(columns, rows, width, height);
  const blockHeight = rows * size.height + (rows - 1) * gap;

  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const rowWidth = inRow * size.width + (inRow - 1) * gap;
    return {
      x: (width - rowWidth) / 2 + (index % columns) * (size.width + gap),
      y: (height - blockHeight) / 2 + row * (size.height + gap),
      ...size,
    };
  });
}

/**
 * arrangeStage gives the first tile the stage and lines up the others beside
 * or below it, whichever leaves the stage larger. Tiles for which the strip
 * has no room get no cell.
 */
export function arrangeStage(count: number, width: number, height: number): Cell[] {
  if (count <= 1) return count === 1 ? [{ x: 0, y: 0, width, height }] : [];
  const others = count - 1;
  const beside = width > height * 1.1;
  // A strip wide enough to know a face in, and never a third of the stage.
  const depth = beside ? clamp(width * 0.18, 132, 260) : clamp(height * 0.2, 88, 170);
  const length = beside ? height : width;
  const wanted = beside ? depth / widest : depth * 1.25;
  // On a phone three still fit, only narrower.
  const few = Math.min(others, 3);
  const across = Math.min(wanted, (length - (few - 1) * gap) / few);
  const room = Math.max(1, Math.floor((length + gap) / (across + gap)));
  const shown = Math.min(others, room);
  const start = (length - (shown * across + (shown - 1) * gap)) / 2;

  const stage = beside
    ? { x: 0, y: 0, width: width - depth - gap, height }
    : { x: 0, y: 0, width, height: height - depth - gap };
  const strip = Array.from({ length: shown }, (_, index) => {
    const along = start + index * (across + gap);
    return beside
      ? { x: width - depth, y: along, width: depth, height: across }
      : { x: along, y: height - depth, width: across, height: depth };
  });
  return [stage, ...strip];
}

// The arrangement is chosen by how large a picture gets: one cropped a little,
// or on an upright screen to a square, because there faces matter more than rooms.
function bestColumns(count: number, width: number, height: number): number {
  const picture = width > height ? 4 / 3 : 1;
  let best = 1;
  let bestArea = -1;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const size = tileSize(columns, rows, width, height);
    const pictureHeight = Math.min(size.height, size.width / picture);
    const area = pictureHeight * pictureHeight;
    if (area > bestArea * 1.001) {
      best = columns;
      bestArea = area;
    }
  }
  return best;
}

function tileSize(columns: number, rows: number, width: number, height: number) {
  const cellWidth = Math.max(0, (width - (columns - 1) * gap) / columns);
  const cellHeight = Math.max(0, (height - (rows - 1) * gap) / rows);
  return {
    width: Math.min(cellWidth, cellHeight * widest),
    height: Math.min(cellHeight, cellWidth / narrowest(width, height)),
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

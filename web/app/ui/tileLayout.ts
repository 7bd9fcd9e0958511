// Computes the rectangles of tiles: as large as the area allows without scrolling, with the last row centred. Sizes are in
// pixels.

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

const gap = 10;
// Aspect ratios of a tile. Cameras usually have 16:9. Narrower tiles crop the video, but not so far that faces are cut off.
const maxAspect = 16 / 9;
const minAspect = (width: number, height: number) => (width > height ? 4 / 3 : 3 / 4);

/** gridLayout returns the rectangles of count tiles of equal size in an area. */
export function gridLayout(count: number, width: number, height: number): Rect[] {
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
 * spotlightLayout returns a large rectangle for the first tile and a strip of small ones for the others. The strip is beside
 * the first tile in a wide area, and below it otherwise. Tiles that do not fit into the strip get no rectangle.
 */
export function spotlightLayout(count: number, width: number, height: number): Rect[] {
  if (count <= 1) return count === 1 ? [{ x: 0, y: 0, width, height }] : [];
  const others = count - 1;
  const beside = width > height * 1.1;
  // The strip is wide enough to recognise faces, and less than a third of the area.
  const depth = beside ? clamp(width * 0.18, 132, 260) : clamp(height * 0.2, 88, 170);
  const length = beside ? height : width;
  const preferred = beside ? depth / maxAspect : depth * 1.25;
  // At least three tiles fit, narrower if necessary.
  const few = Math.min(others, 3);
  const across = Math.min(preferred, (length - (few - 1) * gap) / few);
  const capacity = Math.max(1, Math.floor((length + gap) / (across + gap)));
  const shown = Math.min(others, capacity);
  const start = (length - (shown * across + (shown - 1) * gap)) / 2;

  const spotlight = beside
    ? { x: 0, y: 0, width: width - depth - gap, height }
    : { x: 0, y: 0, width, height: height - depth - gap };
  const strip = Array.from({ length: shown }, (_, index) => {
    const along = start + index * (across + gap);
    return beside
      ? { x: width - depth, y: along, width: depth, height: across }
      : { x: along, y: height - depth, width: across, height: depth };
  });
  return [spotlight, ...strip];
}

// Chooses the number of columns that shows the largest part of each video: cropped to 4:3, or to a square in a portrait
// area, where the face matters more than the background.
function bestColumns(count: number, width: number, height: number): number {
  const aspect = width > height ? 4 / 3 : 1;
  let best = 1;
  let bestArea = -1;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const size = tileSize(columns, rows, width, height);
    const videoHeight = Math.min(size.height, size.width / aspect);
    const area = videoHeight * videoHeight;
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
    width: Math.min(cellWidth, cellHeight * maxAspect),
    height: Math.min(cellHeight, cellWidth / minAspect(width, height)),
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

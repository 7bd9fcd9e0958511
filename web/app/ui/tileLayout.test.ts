import { describe, expect, it } from "vitest";
import { gridLayout, spotlightLayout, type Rect } from "./tileLayout";

const sizes: [string, number, number][] = [
  ["a desktop", 1440, 780],
  ["a laptop with a panel", 920, 640],
  ["a phone in portrait", 390, 700],
  ["a phone in landscape", 760, 300],
];

const rows = (cells: Rect[]) => new Set(cells.map((cell) => Math.round(cell.y))).size;
const columns = (cells: Rect[]) => cells.filter((cell) => cell.y === cells[0]?.y).length;

function expectNoOverlap(cells: Rect[], width: number, height: number) {
  const slack = 0.01;
  for (const [i, a] of cells.entries()) {
    expect(a.x).toBeGreaterThanOrEqual(-slack);
    expect(a.y).toBeGreaterThanOrEqual(-slack);
    expect(a.x + a.width).toBeLessThanOrEqual(width + slack);
    expect(a.y + a.height).toBeLessThanOrEqual(height + slack);
    expect(a.width).toBeGreaterThan(0);
    expect(a.height).toBeGreaterThan(0);
    for (const b of cells.slice(i + 1)) {
      const apart =
        a.x + a.width <= b.x + slack || b.x + b.width <= a.x + slack || a.y + a.height <= b.y + slack || b.y + b.height <= a.y + slack;
      expect(apart, `tiles overlap at ${i}`).toBe(true);
    }
  }
}

describe.each(sizes)("on %s", (_, width, height) => {
  it.each(Array.from({ length: 25 }, (_, i) => i + 1))("places %i tiles without overlap", (count) => {
    const cells = gridLayout(count, width, height);
    expect(cells).toHaveLength(count);
    expectNoOverlap(cells, width, height);
  });

  it.each([1, 2, 4, 12, 40])("makes the spotlight tile the largest of %i", (count) => {
    const cells = spotlightLayout(count, width, height);
    expectNoOverlap(cells, width, height);
    const areas = cells.map((cell) => cell.width * cell.height);
    for (const area of areas.slice(1)) expect(area * 4).toBeLessThan(areas[0] ?? 0);
  });
});

it.each([
  [1, 1440, 780, 1, 1],
  [2, 1440, 780, 2, 1],
  [3, 1440, 780, 2, 2],
  [4, 1440, 780, 2, 2],
  [9, 1440, 780, 3, 3],
  [25, 1440, 780, 5, 5],
  [2, 390, 700, 1, 2],
  [3, 390, 700, 1, 3],
  [4, 390, 700, 2, 2],
  [6, 390, 700, 2, 3],
])("arranges %i tiles in %i×%i as %i columns and %i rows", (count, width, height, wide, high) => {
  const cells = gridLayout(count, width, height);
  expect([columns(cells), rows(cells)]).toEqual([wide, high]);
});

it.each(sizes)("fits three tiles beside the spotlight on %s", (_, width, height) => {
  expect(spotlightLayout(4, width, height)).toHaveLength(4);
});

it("returns no rectangles for an empty area or no tiles", () => {
  expect(gridLayout(3, 0, 100)).toEqual([]);
  expect(gridLayout(0, 100, 100)).toEqual([]);
  expect(spotlightLayout(0, 100, 100)).toEqual([]);
});

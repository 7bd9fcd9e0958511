import { describe, expect, it } from "vitest";
import { arrange, arrangeStage, type Cell } from "./arrange";

const sizes: [string, number, number][] = [
  ["a desktop", 1440, 780],
  ["a laptop with a panel", 920, 640],
  ["a phone upright", 390, 700],
  ["a phone on its side", 760, 300],
];

const rows = (cells: Cell[]) => new Set(cells.map((cell) => Math.round(cell.y))).size;
const columns = (cells: Cell[]) => cells.filter((cell) => cell.y === cells[0]?.y).length;

function expectTidy(cells: Cell[], width: number, height: number) {
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
  it.each(Array.from({ length: 25 }, (_, i) => i + 1))("%i tiles fit without overlap", (count) => {
    const cells = arrange(count, width, height);
    expect(cells).toHaveLength(count);
    expectTidy(cells, width, height);
  });

  it.each([1, 2, 4, 12, 40])("a stage with %i tiles fits and is by far the largest", (count) => {
    const cells = arrangeStage(count, width, height);
    expectTidy(cells, width, height);
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
])("%i tiles in %i×%i make %i columns and %i rows", (count, width, height, wide, high) => {
  const cells = arrange(count, width, height);
  expect([columns(cells), rows(cells)]).toEqual([wide, high]);
});

it.each(sizes)("a stage on %s leaves room for three people", (_, width, height) => {
  expect(arrangeStage(4, width, height)).toHaveLength(4);
});

it("gives nothing where there is no room", () => {
  expect(arrange(3, 0, 100)).toEqual([]);
  expect(arrange(0, 100, 100)).toEqual([]);
  expect(arrangeStage(0, 100, 100)).toEqual([]);
});

import { expect, it } from "vitest";
import { draw } from "./testing";
import { Tile, type TileProps } from "./Tile";

const usual: TileProps = {
  name: "Ada Lovelace",
  me: false,
  source: "camera",
  muted: false,
  speaking: false,
  quality: "excellent",
  state: "idle",
  interruption: "",
  upright: false,
  cell: { x: 1, y: 2, width: 320, height: 180 },
};

const tile = (change: Partial<TileProps> = {}) => {
  const element = draw(<Tile {...usual} {...change} />).querySelector<HTMLElement>("[data-participant]");
  if (!element) throw new Error("no tile");
  return element;
};

it("says what it shows in its attributes", () => {
  expect(Object.fromEntries(Object.entries(tile({ muted: true, speaking: true, quality: "poor" }).dataset))).toMatchObject({
    participant: "Ada Lovelace",
    muted: "true",
    speaking: "true",
    quality: "poor",
    source: "camera",
    state: "idle",
  });
});

it("stands where the arrangement puts it", () => {
  expect(tile().style.cssText).toBe("left: 1px; top: 2px; width: 320px; height: 180px;");
});

it("shows initials until the video plays", () => {
  expect(tile().querySelector(".avatar")?.textContent).toBe("AL");
  expect(tile({ state: "live" }).querySelector(".avatar")).toBeNull();
});

it("tells of muting by more than colour", () => {
  expect(tile({ muted: true }).textContent).toContain("Muted");
  expect(tile({ muted: true }).querySelector(".tile__muted svg")).not.toBeNull();
  expect(tile().textContent).not.toContain("Muted");
});

it("names a screen by its owner", () => {
  const screen = tile({ source: "screen" });
  expect(screen.textContent).toContain("Ada Lovelace’s screen");
  expect(screen.dataset.source).toBe("screen");
});

it("warns of a bad connection in words", () => {
  expect(tile({ quality: "lost" }).textContent).toContain("Connection lost");
  expect(tile({ quality: "good" }).textContent).not.toContain("onnection");
});

it("shows initials in place of a paused picture, and says why", () => {
  const paused = tile({ state: "live", interruption: "paused", quality: "poor" });
  expect(paused.querySelector(".avatar")).not.toBeNull();
  expect(paused.textContent).toContain("Video paused, your connection is slow");
  expect(paused.textContent).not.toContain("Weak connection");
  expect(paused.dataset.interruption).toBe("paused");
  expect(tile({ state: "live", interruption: "paused", source: "screen" }).querySelector(".avatar")).toBeNull();
});

it("says when the browser cannot show a picture", () => {
  expect(tile({ state: "waiting", interruption: "unsupported" }).textContent).toContain("Your browser cannot show this video");
});

import { expect, it } from "vitest";
import { render } from "./testing";
import { Tile, type TileProps } from "./Tile";

const defaults: TileProps = {
  name: "Ada Lovelace",
  me: false,
  source: "camera",
  muted: false,
  speaking: false,
  quality: "excellent",
  state: "idle",
  videoProblem: "",
  portrait: false,
  rect: { x: 1, y: 2, width: 320, height: 180 },
};

const tile = (change: Partial<TileProps> = {}) => {
  const element = render(<Tile {...defaults} {...change} />).querySelector<HTMLElement>("[data-participant]");
  if (!element) throw new Error("no tile");
  return element;
};

it("describes its content in data attributes", () => {
  expect(Object.fromEntries(Object.entries(tile({ muted: true, speaking: true, quality: "poor" }).dataset))).toMatchObject({
    participant: "Ada Lovelace",
    muted: "true",
    speaking: "true",
    quality: "poor",
    source: "camera",
    state: "idle",
  });
});

it("is placed at its rectangle", () => {
  expect(tile().style.cssText).toBe("left: 1px; top: 2px; width: 320px; height: 180px;");
});

it("shows initials until the video plays", () => {
  expect(tile().querySelector(".avatar")?.textContent).toBe("AL");
  expect(tile({ state: "playing" }).querySelector(".avatar")).toBeNull();
});

it("shows muting by an icon and a text for screen readers", () => {
  expect(tile({ muted: true }).textContent).toContain("Muted");
  expect(tile({ muted: true }).querySelector(".tile__muted svg")).not.toBeNull();
  expect(tile().textContent).not.toContain("Muted");
});

it("labels a shared screen with its owner's name", () => {
  const screen = tile({ source: "screen" });
  expect(screen.textContent).toContain("Ada Lovelace’s screen");
  expect(screen.dataset.source).toBe("screen");
});

it("shows a warning when the connection is lost", () => {
  expect(tile({ quality: "lost" }).textContent).toContain("Connection lost");
  expect(tile({ quality: "good" }).textContent).not.toContain("onnection");
});

it("shows initials and the reason when video is paused", () => {
  const paused = tile({ state: "playing", videoProblem: "paused", quality: "poor" });
  expect(paused.querySelector(".avatar")).not.toBeNull();
  expect(paused.textContent).toContain("Video paused: your connection is slow");
  expect(paused.textContent).not.toContain("Weak connection");
  expect(paused.dataset.videoProblem).toBe("paused");
  expect(tile({ state: "playing", videoProblem: "paused", source: "screen" }).querySelector(".avatar")).toBeNull();
});

it("shows a warning when the browser cannot decode the video", () => {
  expect(tile({ state: "waiting", videoProblem: "unsupported" }).textContent).toContain("Your browser cannot show this video");
});

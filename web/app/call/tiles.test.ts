import type { TrackReferenceOrPlaceholder } from "@livekit/components-react";
import { Track } from "livekit-client";
import { expect, it } from "vitest";
import { hasStage, orderTiles, tileKey } from "./tiles";

const tile = (identity: string, minute: number, more: { me?: boolean; screen?: boolean } = {}) =>
  ({
    participant: { identity, isLocal: more.me ?? false, joinedAt: new Date(minute * 60_000) },
    source: more.screen === true ? Track.Source.ScreenShare : Track.Source.Camera,
  }) as unknown as TrackReferenceOrPlaceholder;

const keys = (tiles: TrackReferenceOrPlaceholder[]) => orderTiles(tiles).map(tileKey);

it("seats people as they came, oneself last", () => {
  expect(keys([tile("me", 1, { me: true }), tile("c", 3), tile("b", 2)])).toEqual(["b/camera", "c/camera", "me/camera"]);
});

it("settles a tie the same way every time", () => {
  expect(keys([tile("b", 2), tile("a", 2)])).toEqual(keys([tile("a", 2), tile("b", 2)]));
});

it("gives the stage to a shared screen, another's before one's own", () => {
  const tiles = [tile("b", 1), tile("me", 2, { me: true, screen: true }), tile("b", 1, { screen: true }), tile("me", 2, { me: true })];
  expect(keys(tiles)).toEqual(["b/screen_share", "me/screen_share", "b/camera", "me/camera"]);
  expect(hasStage(orderTiles(tiles))).toBe(true);
  expect(hasStage(orderTiles([tile("b", 1)]))).toBe(false);
  expect(hasStage([])).toBe(false);
});

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

it("gives the stage to another's screen, never to one's own", () => {
  const mine = [tile("me", 2, { me: true, screen: true }), tile("me", 2, { me: true }), tile("b", 1)];
  expect(keys(mine)).toEqual(["b/camera", "me/camera", "me/screen_share"]);
  expect(hasStage(orderTiles(mine))).toBe(false);

  const both = [...mine, tile("b", 1, { screen: true })];
  expect(keys(both)).toEqual(["b/screen_share", "b/camera", "me/camera", "me/screen_share"]);
  expect(hasStage(orderTiles(both))).toBe(true);
  expect(hasStage([])).toBe(false);
});

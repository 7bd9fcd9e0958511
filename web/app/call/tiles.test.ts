import type { TrackReferenceOrPlaceholder } from "@livekit/components-react";
import { Track } from "livekit-client";
import { expect, it } from "vitest";
import { hasSpotlight, orderTiles, tileKey } from "./tiles";

const tile = (identity: string, minute: number, more: { me?: boolean; screen?: boolean } = {}) =>
  ({
    participant: { identity, isLocal: more.me ?? false, joinedAt: new Date(minute * 60_000) },
    source: more.screen === true ? Track.Source.ScreenShare : Track.Source.Camera,
  }) as unknown as TrackReferenceOrPlaceholder;

const keys = (tiles: TrackReferenceOrPlaceholder[]) => orderTiles(tiles).map(tileKey);

it("sorts participants by join time, with the local one last", () => {
  expect(keys([tile("me", 1, { me: true }), tile("c", 3), tile("b", 2)])).toEqual(["b/camera", "c/camera", "me/camera"]);
});

it("sorts participants with the same join time by identity", () => {
  expect(keys([tile("b", 2), tile("a", 2)])).toEqual(keys([tile("a", 2), tile("b", 2)]));
});

it("puts another participant's screen in the spotlight, never the local one", () => {
  const mine = [tile("me", 2, { me: true, screen: true }), tile("me", 2, { me: true }), tile("b", 1)];
  expect(keys(mine)).toEqual(["b/camera", "me/camera", "me/screen_share"]);
  expect(hasSpotlight(orderTiles(mine))).toBe(false);

  const both = [...mine, tile("b", 1, { screen: true })];
  expect(keys(both)).toEqual(["b/screen_share", "b/camera", "me/camera", "me/screen_share"]);
  expect(hasSpotlight(orderTiles(both))).toBe(true);
  expect(hasSpotlight([])).toBe(false);
});

import { afterEach, expect, it } from "vitest";
import { sitePath } from "./base";
import { roomPath } from "./roomCode";

afterEach(() => delete document.documentElement.dataset.base);

it("returns the path unchanged without a base path", () => {
  expect(sitePath("/api/events")).toBe("/api/events");
});

it("puts the base path before the path", () => {
  document.documentElement.dataset.base = "/meet";
  expect(sitePath("/api/events")).toBe("/meet/api/events");
  expect(roomPath("a b")).toBe("/meet/rooms/a%20b");
});

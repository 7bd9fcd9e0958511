import { afterEach, expect, it } from "vitest";
import { sitePath } from "./base";
import { roomPath } from "./roomCode";

afterEach(() => delete document.documentElement.dataset.base);

it("is the path itself at the top of a host", () => {
  expect(sitePath("/api/events")).toBe("/api/events");
});

it("begins with the path that the site stands under", () => {
  document.documentElement.dataset.base = "/meet";
  expect(sitePath("/api/events")).toBe("/meet/api/events");
  expect(roomPath("a b")).toBe("/meet/rooms/a%20b");
});

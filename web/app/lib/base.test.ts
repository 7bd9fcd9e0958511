import { afterEach, expect, it } from "vitest";
import { sessionLink } from "../direct/session";
import { meetingLink } from "../features/invite/meetingLink";
import { sitePath } from "./base";
import { roomPath } from "./roomCode";

afterEach(() => {
  delete document.documentElement.dataset.base;
  delete document.documentElement.dataset.inviteOrigin;
});

it("returns the path unchanged without a base path", () => {
  expect(sitePath("/api/events")).toBe("/api/events");
});

it("puts the base path before the path", () => {
  document.documentElement.dataset.base = "/meet";
  expect(sitePath("/api/events")).toBe("/meet/api/events");
  expect(roomPath("a b")).toBe("/meet/rooms/a%20b");
});

it("puts an origin that others can reach into links for other people", () => {
  expect(meetingLink()).toBe(location.origin + location.pathname);
  document.documentElement.dataset.inviteOrigin = "https://192.0.2.7:8080";
  expect(meetingLink()).toBe(`https://192.0.2.7:8080${location.pathname}`);
  expect(sessionLink("abc")).toBe("https://192.0.2.7:8080/direct/abc");
});

import { beforeEach, expect, it } from "vitest";
import page from "../../templates/testdata/lobby-empty.golden.html?raw";
import type { LiveRoom, LobbyState, Meeting } from "../lib/api";
import { createLobbyView } from "./lobbyView";

const now = new Date("2026-03-01T12:00:00Z");

const room = (change: Partial<LiveRoom> = {}): LiveRoom => ({
  url: "/rooms/abc-defg-hij",
  id: "RM_1",
  name: "abc-defg-hij",
  creationTime: "2026-03-01T11:55:00Z",
  numParticipants: 2,
  isActive: true,
  metadata: "",
  ...change,
});

const meeting = (change: Partial<Meeting> = {}): Meeting => ({
  id: "RM_9",
  name: "standup",
  participants: ["Ada", "Bo"],
  numParticipants: 2,
  startedAt: "2026-03-01T10:00:00Z",
  endedAt: "2026-03-01T10:12:00Z",
  durationSeconds: 720,
  ...change,
});

const show = (state: Partial<LobbyState>) => {
  const view = createLobbyView(document);
  view.show({ rooms: [], moreRooms: 0, meetings: [], moreMeetings: 0, ...state }, now);
  return view;
};

const text = (selector: string) => document.querySelector(selector)?.textContent;
const hidden = (selector: string) => document.querySelector(selector)?.hasAttribute("hidden");

// The page as rendered by the server's template.
beforeEach(() => {
  document.body.innerHTML = /<body>(.*)<\/body>/s.exec(page)?.[1] ?? "";
});

it("lists open rooms with head count and duration", () => {
  show({ rooms: [room(), room({ url: "/rooms/b", name: "b", numParticipants: 1, creationTime: now.toISOString() })] });
  const items = [...document.querySelectorAll(".live__room")];
  expect(items.map((item) => item.querySelector("a")?.getAttribute("href"))).toEqual(["/rooms/abc-defg-hij", "/rooms/b"]);
  expect(items.map((item) => item.querySelector("[data-slot=people]")?.textContent)).toEqual(["2 people", "1 person"]);
  expect(items.map((item) => item.querySelector("time")?.textContent)).toEqual(["for 5 min", "just started"]);
  expect(hidden("[data-unless=live]")).toBe(true);
  expect(hidden("[data-when=live]")).toBe(false);
});

it("lists previous meetings with participants, date and duration", () => {
  show({ meetings: [meeting()] });
  expect(text("[data-list=previous] [data-slot=name]")).toBe("standup");
  expect(text("[data-list=previous] [data-slot=participants]")).toBe("Ada, Bo");
  expect(text("[data-list=previous] [data-slot=duration]")).toBe("12 min");
  expect(text("[data-list=previous] time")).toMatch(/2026/);
  expect(hidden("[data-when=previous]")).toBe(false);
});

it("shows the empty states when rooms and meetings are gone", () => {
  const view = show({ rooms: [room()], meetings: [meeting()] });
  view.show({ rooms: [], moreRooms: 0, meetings: [], moreMeetings: 0 }, now);
  expect(document.querySelectorAll("[data-list] > *")).toHaveLength(0);
  expect(hidden("[data-when=live]")).toBe(true);
  expect(hidden("[data-unless=live]")).toBe(false);
  expect(hidden("[data-unless=previous]")).toBe(false);
});

it("shows how many rooms and meetings are not listed", () => {
  const view = show({ rooms: [room()], moreRooms: 350, meetings: [meeting()], moreMeetings: 7 });
  expect(text("[data-more=live]")).toBe("and 350 more");
  expect(text("[data-more=previous]")).toBe("and 7 more");
  expect(hidden("[data-more=live]")).toBe(false);
  view.show({ rooms: [room()], moreRooms: 0, meetings: [], moreMeetings: 0 }, now);
  expect(text("[data-more=live]")).toBe("");
  expect(hidden("[data-more=live]")).toBe(true);
  expect(hidden("[data-more=previous]")).toBe(true);
});

it("does not list inactive rooms", () => {
  show({ rooms: [room({ isActive: false })] });
  expect(document.querySelectorAll(".live__room")).toHaveLength(0);
});

it("escapes HTML in names", () => {
  show({ rooms: [room({ name: "<img src=x>" })], meetings: [meeting({ name: "<b>", participants: ["<i>"] })] });
  expect(document.querySelector("[data-list] img, [data-list] b, [data-list] i")).toBeNull();
  expect(text(".live__room a")).toBe("<img src=x>");
});

it("keeps the focus on a room when the list is replaced", () => {
  const view = show({ rooms: [room(), room({ url: "/rooms/b", name: "b" })] });
  document.querySelector<HTMLElement>('a[href="/rooms/b"]')?.focus();
  view.show({ rooms: [room({ url: "/rooms/b", name: "b", numParticipants: 5 })], moreRooms: 0, meetings: [], moreMeetings: 0 }, now);
  expect(document.activeElement?.getAttribute("href")).toBe("/rooms/b");
});

it("updates durations when time passes", () => {
  const view = show({ rooms: [room()] });
  view.tick(new Date(now.getTime() + 60 * 60_000));
  expect(text(".live__room time")).toBe("for 1 h 5 min");
});

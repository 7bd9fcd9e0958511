import type { LiveRoom, LobbyState, Meeting } from "../lib/api";
import { dateText, durationText, sinceText } from "../lib/time";

interface LobbyView {
  show(state: LobbyState, now: Date): void;
  tick(now: Date): void;
}

/**
 * createLobbyView returns functions that update the lobby page: show renders a state, tick updates the durations. Rooms and
 * meetings are copies of the page's `<template>` elements, so that their markup exists only in the server's templates.
 */
export function createLobbyView(page: Document): LobbyView {
  const tick = (now: Date) => {
    for (const time of page.querySelectorAll<HTMLTimeElement>("[data-slot=since]")) {
      time.textContent = sinceText(new Date(time.dateTime), now);
    }
  };
  localizeDates(page);
  return {
    tick,
    show(state, now) {
      const rooms = state.rooms.filter((room) => room.isActive);
      fill(page, "live", rooms.map((room) => roomItem(page, room)));
      showMore(page, "live", state.moreRooms);
      fill(page, "previous", state.meetings.map((meeting) => meetingRow(page, meeting)));
      showMore(page, "previous", state.moreMeetings);
      tick(now);
    },
  };
}

/** Replaces the items of a list, and shows the list or its empty state. */
function fill(page: Document, name: string, items: DocumentFragment[]) {
  // If the focused item is replaced by a new one for the same room, the focus moves to the new one.
  const focused = page.activeElement?.getAttribute("href");
  page.querySelector(`[data-list=${name}]`)?.replaceChildren(...items);
  const links = page.querySelectorAll<HTMLElement>(`[data-list=${name}] a`);
  if (focused) [...links].find((link) => link.getAttribute("href") === focused)?.focus();

  const empty = items.length === 0;
  page.querySelector(`[data-when=${name}]`)?.toggleAttribute("hidden", empty);
  page.querySelector(`[data-unless=${name}]`)?.toggleAttribute("hidden", !empty);
}

/** Shows how many items a list leaves out. */
function showMore(page: Document, name: string, count: number) {
  const line = page.querySelector(`[data-more=${name}]`);
  const hasMore = count > 0;
  if (line) line.textContent = hasMore ? `and ${count} more` : "";
  line?.toggleAttribute("hidden", !hasMore);
}

function roomItem(page: Document, room: LiveRoom): DocumentFragment {
  const item = cloneTemplate(page, "room-template");
  const link = item.querySelector("a");
  if (link) {
    link.href = room.url;
    link.textContent = room.name;
  }
  setText(item, "people", peopleText(room.numParticipants));
  item.querySelector("time")?.setAttribute("datetime", room.creationTime);
  return item;
}

function meetingRow(page: Document, meeting: Meeting): DocumentFragment {
  const row = cloneTemplate(page, "meeting-template");
  setText(row, "name", meeting.name);
  setText(row, "participants", meeting.participants.join(", "));
  setText(row, "duration", durationText(meeting.durationSeconds));
  const date = row.querySelector("time");
  date?.setAttribute("datetime", meeting.startedAt);
  localizeDates(row);
  return row;
}

/** Replaces the server's dates, which are in UTC, by dates in the browser's language and time zone. */
function localizeDates(root: ParentNode) {
  for (const date of root.querySelectorAll<HTMLTimeElement>("[data-slot=date]")) {
    const at = new Date(date.dateTime);
    if (!Number.isNaN(at.getTime())) date.textContent = dateText(at);
  }
}

function cloneTemplate(page: Document, id: string): DocumentFragment {
  const template = page.getElementById(id) as HTMLTemplateElement;
  return page.importNode(template.content, true);
}

function setText(root: ParentNode, slot: string, text: string) {
  const element = root.querySelector(`[data-slot=${slot}]`);
  if (element) element.textContent = text;
}

function peopleText(count: number): string {
  return count === 1 ? "1 person" : `${count} people`;
}

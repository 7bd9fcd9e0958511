import type { LiveRoom, LobbyState, Meeting } from "../lib/api";
import { dateText, durationText, sinceText } from "../lib/time";

interface LobbyView {
  show(state: LobbyState, now: Date): void;
  tick(now: Date): void;
}

/**
 * createLobbyView fills the lobby page's `<template>` elements, so that the
 * markup of a room and of a meeting exists once, in the server's template.
 */
export function createLobbyView(page: Document): LobbyView {
  const tick = (now: Date) => {
    for (const time of page.querySelectorAll<HTMLTimeElement>("[data-slot=since]")) {
      time.textContent = sinceText(new Date(time.dateTime), now);
    }
  };
  localise(page);
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

/** Puts the items in the list called name and shows either the list or its empty state. */
function fill(page: Document, name: string, items: DocumentFragment[]) {
  // The item under the pointer or focus may be replaced by its equal: keep the focus.
  const focused = page.activeElement?.getAttribute("href");
  page.querySelector(`[data-list=${name}]`)?.replaceChildren(...items);
  const links = page.querySelectorAll<HTMLElement>(`[data-list=${name}] a`);
  if (focused) [...links].find((link) => link.getAttribute("href") === focused)?.focus();

  const empty = items.length === 0;
  page.querySelector(`[data-when=${name}]`)?.toggleAttribute("hidden", empty);
  page.querySelector(`[data-unless=${name}]`)?.toggleAttribute("hidden", !empty);
}

/** Says how many there are beyond those that the list called name shows. */
function showMore(page: Document, name: string, count: number) {
  const line = page.querySelector(`[data-more=${name}]`);
  const some = count > 0;
  if (line) line.textContent = some ? `and ${count} more` : "";
  line?.toggleAttribute("hidden", !some);
}

function roomItem(page: Document, room: LiveRoom): DocumentFragment {
  const item = copyOf(page, "room-template");
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
  const row = copyOf(page, "meeting-template");
  setText(row, "name", meeting.name);
  setText(row, "participants", meeting.participants.join(", "));
  setText(row, "duration", durationText(meeting.durationSeconds));
  const date = row.querySelector("time");
  date?.setAttribute("datetime", meeting.startedAt);
  localise(row);
  return row;
}

/** Dates come from the server in UTC; the visitor's own clock and habits replace them. */
function localise(root: ParentNode) {
  for (const date of root.querySelectorAll<HTMLTimeElement>("[data-slot=date]")) {
    const at = new Date(date.dateTime);
    if (!Number.isNaN(at.getTime())) date.textContent = dateText(at);
  }
}

function copyOf(page: Document, id: string): DocumentFragment {
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

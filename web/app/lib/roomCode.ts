// What a person may type or paste to name a meeting, turned into the room's name.
import { sitePath } from "./base";
import { shownName, unshowable } from "./name";

/** The server's limit on a room name, counted in UTF-8 bytes. */
const maxRoomBytes = 256;

export type ParsedRoom = { room: string } | { problem: string };

/**
 * parseRoom reads a code in any spelling (`ABCDEFGHIJ`, `abc defg hij`), a
 * pasted link to a room, or any other room name, in the form of all names.
 */
export function parseRoom(input: string): ParsedRoom {
  const text = input.trim();
  if (text === "") return { problem: "Type the meeting's code or paste its link." };

  const linked = roomOfLink(text);
  if (linked === null) return { problem: "This link does not lead to a meeting." };

  if (unshowable.test(linked)) return { problem: "A meeting code cannot contain characters that cannot be shown." };
  const room = shownName(tidyCode(linked));
  if (room === "") return { problem: "A meeting code needs a character that can be seen." };
  if (new TextEncoder().encode(room).length > maxRoomBytes) {
    return { problem: "This meeting code is too long." };
  }
  return { room };
}

/** roomPath is the page of a room on this server. */
export function roomPath(room: string): string {
  return sitePath(`/rooms/${encodeURIComponent(room)}`);
}

/** The room a link points at, the text itself when it is no link, null for a link elsewhere. */
function roomOfLink(text: string): string | null {
  const path = /^(?:[a-z]+:\/\/[^/?#]+|[^/?#\s]*[.:][^/?#\s]*)?(\/[^?#]*)/i.exec(text)?.[1];
  if (path === undefined) return /^[a-z]+:\/\//i.test(text) ? null : text;

  const name = /\/rooms\/([^/]+)\/?$/.exec(path)?.[1];
  if (name === undefined) return text.includes("://") ? null : text;
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}

function tidyCode(text: string): string {
  const letters = text.toLowerCase().replace(/[\s\p{Pd}_.]/gu, "");
  const parts = /^([a-z]{3})([a-z]{4})([a-z]{3})$/.exec(letters);
  return parts ? parts.slice(1).join("-") : text;
}

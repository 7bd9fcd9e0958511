import { sitePath } from "./base";
import { normalizeName, undisplayable } from "./name";

/** The server's limit for a room name in UTF-8 bytes. */
const maxRoomBytes = 256;

export type ParsedRoom = { room: string } | { problem: string };

/**
 * parseRoom returns the normalized room name in typed or pasted text: a meeting code in any spelling (`ABCDEFGHIJ`,
 * `abc defg hij`), a link to a room, or any other room name.
 */
export function parseRoom(input: string): ParsedRoom {
  const text = input.trim();
  if (text === "") return { problem: "Type the meeting's code or paste its link." };

  const linked = roomOfLink(text);
  if (linked === null) return { problem: "This link does not lead to a meeting." };

  if (undisplayable.test(linked)) return { problem: "This meeting code contains characters that are not allowed." };
  const room = normalizeName(tidyCode(linked));
  if (room === "") return { problem: "A meeting code needs at least one visible character." };
  if (new TextEncoder().encode(room).length > maxRoomBytes) {
    return { problem: "This meeting code is too long." };
  }
  return { room };
}

/** roomPath returns the path of a room's page on this server. */
export function roomPath(room: string): string {
  return sitePath(`/rooms/${encodeURIComponent(room)}`);
}

/** Returns the room of a link, the text itself if it is no link, or null if the link does not lead to a room. */
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

/** tidyCode returns a meeting code in its normal spelling. Other text is returned unchanged. */
function tidyCode(text: string): string {
  const letters = text.toLowerCase().replace(/[\s\p{Pd}_.]/gu, "");
  const parts = /^([a-z]{3})([a-z]{4})([a-z]{3})$/.exec(letters);
  return parts ? parts.slice(1).join("-") : text;
}

import { sitePath } from "../lib/base";

/** parseSession reads what a person types or pastes: a session's id in any spelling, or the link to it. */
export function parseSession(input: string): string {
  const linked = /\/direct\/([^/?#\s]+)/.exec(input)?.[1];
  return (linked ?? input).replace(/[\s-]/g, "").toLowerCase();
}

/** sessionText writes an id so that it can be read out: in groups of four. */
export function sessionText(id: string): string {
  return id.match(/.{1,4}/g)?.join(" ") ?? "";
}

/** sessionPath is the page of a session on this server. */
export function sessionPath(id: string): string {
  return sitePath(`/direct/${encodeURIComponent(id)}`);
}

/** sessionLink is the address by which the other joins. */
export function sessionLink(id: string): string {
  return location.origin + sessionPath(id);
}

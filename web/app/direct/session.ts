import { inviteOrigin, sitePath } from "../lib/base";

/** parseSession returns the session id in typed or pasted text: an id, with spaces, hyphens or capitals, or a link to it. */
export function parseSession(input: string): string {
  const linked = /\/direct\/([^/?#\s]+)/.exec(input)?.[1];
  return (linked ?? input).replace(/[\s-]/g, "").toLowerCase();
}

/** sessionText formats an id in groups of four characters, to be read out. */
export function sessionText(id: string): string {
  return id.match(/.{1,4}/g)?.join(" ") ?? "";
}

/** sessionPath returns the path of the page that joins a session. */
export function sessionPath(id: string): string {
  return sitePath(`/direct/${encodeURIComponent(id)}`);
}

/** sessionLink returns the URL that the other person opens to join a session. */
export function sessionLink(id: string): string {
  return inviteOrigin() + sessionPath(id);
}

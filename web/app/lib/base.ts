/**
 * sitePath returns the path on this host for a path of the site. The site may have a base path, such as /meet, which is in
 * the page's data-base attribute.
 */
export function sitePath(path: string): string {
  return (document.documentElement.dataset.base ?? "") + path;
}

/**
 * inviteOrigin returns the origin of links for other people. On a page that was opened on localhost, the server names an
 * origin that others can reach in data-invite-origin.
 */
export function inviteOrigin(): string {
  return document.documentElement.dataset.inviteOrigin ?? location.origin;
}

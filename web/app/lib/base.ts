// The site may stand under a path of its own, such as /meet; the page says so.

/** sitePath is where a path of the site is on this host. */
export function sitePath(path: string): string {
  return (document.documentElement.dataset.base ?? "") + path;
}

/**
 * sitePath returns the path on this host for a path of the site. The site may have a base path, such as /meet, which is in
 * the page's data-base attribute.
 */
export function sitePath(path: string): string {
  return (document.documentElement.dataset.base ?? "") + path;
}

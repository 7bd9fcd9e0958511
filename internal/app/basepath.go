package app

import (
	"net/http"
	"strings"
)

// under serves a site that stands under a path of its host. Requests without it are the site's as well: some proxies
// take it away before they pass a request on, and programs on this machine ask without it.
func under(base string, site http.Handler) http.Handler {
	if base == "" {
		return site
	}
	below := http.StripPrefix(base, site)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == base:
			target := base + "/"
			if r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			http.Redirect(w, r, target, http.StatusPermanentRedirect)
		case strings.HasPrefix(r.URL.Path, base+"/"):
			below.ServeHTTP(w, r)
		default:
			site.ServeHTTP(w, r)
		}
	})
}

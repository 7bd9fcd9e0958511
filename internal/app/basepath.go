package app

import (
	"net/http"
	"strings"
)

// withBasePath serves a site below the path base, such as "/meet". It also serves requests without this prefix, because
// some proxies remove it and programs on this machine do not use it.
func withBasePath(base string, site http.Handler) http.Handler {
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

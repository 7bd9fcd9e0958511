package config

import (
	"net/url"
	"strings"
	"unicode"
)

// setAllowedOrigins stores origins in the form that browsers send in the Origin header (RFC 6454, section 6.2): in
// lower case, and without the scheme's default port.
func setAllowedOrigins(c *Config, v string) error {
	c.AllowedOrigins = nil
	for _, item := range parseItems(v) {
		origin, ok := parseOrigin(item)
		if !ok {
			return errValue
		}
		c.AllowedOrigins = append(c.AllowedOrigins, origin)
	}
	if c.AllowedOrigins == nil { // an empty list would allow all origins, which is not what the user meant
		return errValue
	}
	return nil
}

// parseItems parses a list with commas, spaces or line breaks between the items, or a YAML list.
func parseItems(v string) (items []string) {
	for _, line := range parseLines(v) {
		items = append(items, strings.FieldsFunc(line, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })...)
	}
	return items
}

// parseOrigin parses an origin: a scheme, a host and an optional port. The scheme may be that of an app, such as
// capacitor.
func parseOrigin(v string) (origin string, ok bool) {
	u, err := url.Parse(strings.ToLower(v))
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil || strings.Contains(v, "*") {
		return "", false
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r > unicode.MaxASCII }) || u.RequestURI() != "/" || strings.Contains(v, "#") {
		return "", false
	}
	host := u.Host
	if port := u.Port(); u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return u.Scheme + "://" + host, true
}

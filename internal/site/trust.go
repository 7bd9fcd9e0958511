package site

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"meet/internal/proxy"
	"meet/web/templates"
)

// Authority is the certificate authority of this server, which devices must trust before they open its pages over https.
type Authority struct {
	Name        string // common name of its certificate
	DER, PEM    []byte // its certificate
	Fingerprint string // SHA-256 hash of the certificate
}

// Files that contain the authority's certificate, each in the format of some systems.
const (
	profileType     = "application/x-apple-aspen-config"
	certificateType = "application/x-x509-ca-cert"
	pemType         = "application/x-pem-file"
)

// trustRoutes adds the routes that help visitors to trust the authority, if there is one. They are also served over plain HTTP.
func (s *Site) trustRoutes(e *echo.Echo, m ...echo.MiddlewareFunc) {
	if s.authority == nil {
		return
	}
	handleGet(e, "/trust", s.trustPage, m...)
	handleGet(e, "/trust/check", s.trustCheck)
	handleGet(e, "/trust/meet-ca.mobileconfig", s.authorityFile(profileType, profile), m...)
	handleGet(e, "/trust/meet-ca.crt", s.authorityFile(certificateType, func(a *Authority) ([]byte, error) { return a.DER, nil }))
	handleGet(e, "/trust/meet-ca.pem", s.authorityFile(pemType, func(a *Authority) ([]byte, error) { return a.PEM, nil }))
}

// trustPage serves the page that explains how to trust the authority. Its script may connect to this server over https.
func (s *Site) trustPage(c echo.Context) error {
	r, h := c.Request(), c.Response().Header()
	h.Set("X-Robots-Tag", "noindex")
	v := templates.TrustView{
		Shell: s.shell("Trust this server · Meet", "trust"), System: systemOf(r.UserAgent()),
		Authority: s.authority.Name, Fingerprint: s.authority.Fingerprint, Secure: proxy.HTTPS(r),
	}
	if origin := s.httpsOrigin(r); origin != "" {
		v.SecureURL, v.CheckURL = origin+s.base+"/", origin+s.base+"/trust/check"
		h.Set("Content-Security-Policy", s.policy(templ.GetNonce(r.Context()), proxy.Host(r), " "+origin))
	}
	return render(c, http.StatusOK, templates.TrustPage(v))
}

// trustCheck answers a page that was loaded over plain HTTP. The page receives an answer over https only if the browser
// trusts the authority. It contains nothing, so that pages of all sites may read it.
func (s *Site) trustCheck(c echo.Context) error {
	h := c.Response().Header()
	h.Set(echo.HeaderAccessControlAllowOrigin, "*")
	h.Set("Cache-Control", "no-store")
	return c.NoContent(http.StatusNoContent)
}

// authorityFile returns a handler that serves a file with the authority's certificate.
func (s *Site) authorityFile(contentType string, content func(*Authority) ([]byte, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		data, err := content(s.authority)
		if err != nil {
			return err
		}
		c.Response().Header().Set("Cache-Control", "no-cache")
		return c.Blob(http.StatusOK, contentType, data)
	}
}

// systemOf returns the operating system of a browser by its User-Agent header, as TrustView names it, or "" if it is not
// known. iPads claim to be Macs; the page's script corrects that.
func systemOf(userAgent string) string {
	for _, s := range []struct{ text, system string }{
		{"iPhone", "ios"},
		{"iPad", "ios"},
		{"Android", "android"}, // before Linux, which is also in the header of Android
		{"Windows", "windows"},
		{"Macintosh", "macos"},
		{"CrOS", "linux"},
		{"Linux", "linux"},
	} {
		if strings.Contains(userAgent, s.text) {
			return s.system
		}
	}
	return ""
}

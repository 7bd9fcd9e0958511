package site

import (
	"bytes"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meet/internal/assets"
)

// staticPath is the path of the front end's files.
const staticPath = "/static/"

// static serves a file of a build, in the smallest encoding that the browser accepts. Each encoding has its own hash as
// ETag, so that ranges of different encodings are never combined.
func (s *Site) static(c echo.Context) error {
	name := c.Param("*")
	build := s.builds.BuildWithFile(name)
	if build == nil {
		return echo.ErrNotFound
	}
	file, _ := build.File(name)
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, contentType(name))
	h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") { // these names contain a hash of the content
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	takes := acceptedEncodings(c.Request().Header.Get(echo.HeaderAcceptEncoding))
	for _, e := range assets.Encodings() {
		if small, ok := build.File(name + e.Suffix); ok && takes(e.Name) {
			h.Set(echo.HeaderContentEncoding, e.Name)
			file = small
			break
		}
	}
	h.Set("ETag", `"`+file.SHA256[:32]+`"`) // 128 bits are enough to be unique
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(file.Bytes))
	return nil
}

// contentType returns the content type of a file by its extension. The common types do not depend on the machine's MIME
// tables.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	case ".webmanifest":
		return "application/manifest+json"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".br", ".gz":
		return echo.MIMEOctetStream
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return echo.MIMEOctetStream
	}
}

// acceptedEncodings parses an Accept-Encoding header and returns a function that reports whether a content coding is
// accepted. A weight of 0 refuses a coding, and * stands for all codings that the header does not name (RFC 9110,
// section 12.5.3).
func acceptedEncodings(header string) func(coding string) bool {
	weights := map[string]float64{}
	for item := range strings.SplitSeq(header, ",") {
		coding, parameter, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(item), " ", ""), ";")
		weight, err := strconv.ParseFloat(strings.TrimPrefix(parameter, "q="), 64)
		if err != nil {
			weight = 1
		}
		weights[coding] = weight
	}
	return func(coding string) bool {
		weight, named := weights[coding]
		if !named {
			weight = weights["*"]
		}
		return weight > 0
	}
}

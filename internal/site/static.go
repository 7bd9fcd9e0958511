package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// static serves the front end's build.
type static struct {
	files fs.FS

	mu    sync.Mutex
	known map[string]*asset // by name, filled as files are first asked for; as many as there are files
}

// asset is a file ready to serve: compressed once, not for every request.
type asset struct {
	plain, zipped []byte // zipped is nil when it would save nothing
	etag          string // without quotes
	contentType   string
}

func newStatic(files fs.FS) *static {
	return &static{files: files, known: map[string]*asset{}}
}

func (s *static) serve(c echo.Context) error {
	name := c.Param("*")
	a, err := s.asset(name)
	if err != nil {
		return echo.ErrNotFound
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, a.contentType)
	h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") { // the build puts a hash of the content in these names
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	content, etag := a.plain, a.etag
	if a.zipped != nil && acceptsGzip(c.Request()) {
		content, etag = a.zipped, a.etag+"-gzip"
		h.Set(echo.HeaderContentEncoding, "gzip")
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(content))
	return nil
}

func (s *static) asset(name string) (*asset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.known[name]; a != nil {
		return a, nil
	}
	plain, err := fs.ReadFile(s.files, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	sum := sha256.Sum256(plain)
	a := &asset{plain: plain, etag: hex.EncodeToString(sum[:8]), contentType: contentType(name)}
	if zipped := zip(plain); len(zipped) < len(plain)*9/10 {
		a.zipped = zipped
	}
	s.known[name] = a
	return a, nil
}

// contentType does not depend on what the machine's own tables say.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	case ".webmanifest":
		return "application/manifest+json"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return echo.MIMEOctetStream
	}
}

func zip(plain []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is valid and a buffer takes everything
	}
	return b.Bytes()
}

// acceptsGzip reads the header; gzip;q=0 is a refusal.
func acceptsGzip(r *http.Request) bool {
	return slices.ContainsFunc(strings.Split(r.Header.Get(echo.HeaderAcceptEncoding), ","), func(item string) bool {
		coding, parameter, _ := strings.Cut(strings.ReplaceAll(item, " ", ""), ";")
		weight, err := strconv.ParseFloat(strings.TrimPrefix(parameter, "q="), 64)
		return coding == "gzip" && (err != nil || weight > 0)
	})
}

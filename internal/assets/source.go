package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"meet/internal/fault"
)

// Source is a place on the network where builds are published.
type Source interface {
	// String describes the source for logs and people, without secrets.
	String() string
	// Newest returns the newest release, or ErrUnchanged if the newest release has the given revision.
	Newest(ctx context.Context, revision string) (Release, error)
}

// Release is a published build.
type Release struct {
	Revision  string // identifies this release within its source
	Manifest  []byte
	Locations []Location // servers with its files, in the order to try them; some may lack files
}

// Location is a folder on a web server.
type Location struct {
	URL    string      // ends with a slash
	Query  string      // added to each request, without the question mark
	Header http.Header // added to each request
}

// ErrUnchanged means that nothing has been published since the given revision.
var ErrUnchanged = fault.New(fault.Conflict, "nothing newer has been published")

// newRequest returns a GET request for the file at path.
func (p Location) newRequest(ctx context.Context, path string) (*http.Request, error) {
	address := p.URL + path
	if p.Query != "" {
		address += "?" + p.Query
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", address, err)
	}
	for name, values := range p.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "meet")
	return req, nil
}

// NewHTTPSource returns the source that reads builds from a folder on a web server. The address is the URL of the
// folder or of its manifest.json. It can be /static/ of another Meet.
func NewHTTPSource(address string, client *http.Client) (Source, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, invalid("%q is not the address of a published build; such an address begins with https://", address)
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, manifestName), "/") + "/"
	return &httpSource{u, client}, nil
}

// httpSource is the Source that NewHTTPSource returns.
type httpSource struct {
	url    *url.URL
	client *http.Client
}

// String returns the URL without user information and query, which may be secrets.
func (p *httpSource) String() string {
	bare := *p.url
	bare.RawQuery, bare.Fragment, bare.User = "", "", nil
	return bare.String()
}

// Newest downloads the manifest. The revision is its ETag.
func (p *httpSource) Newest(ctx context.Context, revision string) (e Release, err error) {
	folder := *p.url
	folder.RawQuery, folder.Fragment = "", ""
	location := Location{URL: folder.String(), Query: p.url.RawQuery}
	req, err := location.newRequest(ctx, manifestName)
	if err != nil {
		return e, err
	}
	if revision != "" {
		req.Header.Set("If-None-Match", revision)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return e, requestError(p.url.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing was written
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		return e, ErrUnchanged
	case http.StatusNotFound:
		return e, unavailable("there is no %s at %s; check the address", manifestName, p)
	default:
		return e, unavailable("%s answers %q when asked for %s; try again later", p.url.Host, resp.Status, manifestName)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return e, requestError(p.url.Host, err)
	}
	e = Release{Revision: resp.Header.Get("ETag"), Manifest: raw, Locations: []Location{location}}
	if e.Revision == revision && revision != "" {
		return e, ErrUnchanged
	}
	return e, nil
}

// requestError translates an error of the HTTP client into one sentence. The client's own text would repeat the URL.
func requestError(host string, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return unavailable("%s broke off its answer; try again", host)
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable("%s did not answer in time; try again later", host)
	}
	return unavailable("%s cannot be reached: %v", host, err)
}

// NewClient returns an HTTP client for sources and updates. It follows at most four redirects, and none from https to
// http.
func NewClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // the manifest's sizes and sums are those of the stored files
	transport.ResponseHeaderTimeout = stallTimeout
	return &http.Client{Transport: transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		switch {
		case len(via) >= 5:
			return errors.New("it redirects too often")
		case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
			return errors.New("it redirects from https to http")
		}
		return nil
	}}
}

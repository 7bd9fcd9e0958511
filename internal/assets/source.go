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

// Source is where builds are published.
type Source interface {
	// String names it to people, without secrets.
	String() string
	// Newest finds the newest build. It is ErrUnchanged when its revision is the one given.
	Newest(ctx context.Context, revision string) (Release, error)
}

// Edition is a build as it is published.
type Release struct {
	Revision  string // as the source tells one from another
	Manifest  []byte
	Locations []Location // where its files are; what one lacks another may have
}

// Place is a folder on another server.
type Location struct {
	URL    string // ends with a slash
	Query  string
	Header http.Header
}

// ErrUnchanged says that nothing was published since.
var ErrUnchanged = fault.New(fault.Conflict, "nothing newer is published")

func (p Location) newRequest(ctx context.Context, path string) (*http.Request, error) {
	address := p.URL + path
	if p.Query != "" {
		address += "?" + p.Query
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", address, err)
	}
	for name, values := range p.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "meet")
	return req, nil
}

// NewPlain is the source at an address that holds a manifest.json: any web server, another Meet's /static/ included.
func NewHTTPSource(address string, client *http.Client) (Source, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, invalid("%q is no address of a published build; it begins with https://", address)
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, manifestName), "/") + "/"
	return &httpSource{u, client}, nil
}

type httpSource struct {
	url    *url.URL
	client *http.Client
}

// String leaves out what may be a secret.
func (p *httpSource) String() string {
	bare := *p.url
	bare.RawQuery, bare.Fragment, bare.User = "", "", nil
	return bare.String()
}

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
	defer func() { _ = resp.Body.Close() }() // only read
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

// unreachable is what broke on the way to a host. What the HTTP client says of it repeats the address.
func requestError(host string, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return unavailable("%s ended its answer in the middle; try again", host)
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable("%s did not answer in time; try again later", host)
	}
	return unavailable("%s cannot be reached: %v", host, err)
}

// NewClient is the HTTP client that sources and updates share.
func NewClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // sizes and sums are those of the files
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

package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"meet/internal/token"
)

// Endpoint is a receiver of events.
type Endpoint struct {
	URL         string // http or https
	Key, Secret string // API key and its secret, which sign the requests
}

// validate returns an error if the URL is not usable.
func (e Endpoint) validate() error {
	u, err := url.Parse(e.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return fmt.Errorf("webhook URL: got %q, want an address such as https://example.org/livekit-events", e.URL)
	}
	return nil
}

// name returns the endpoint's identifier in the store, a hash of its URL.
func (e Endpoint) name() string {
	sum := sha256.Sum256([]byte(e.URL))
	return hex.EncodeToString(sum[:8])
}

// host returns the URL's host for logs. The rest of the URL may contain secrets.
func (e Endpoint) host() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return "?"
	}
	return u.Host
}

const (
	// requestTimeout limits one request. It must be shorter than the 15 s that the store's queue gives a reader for
	// one message.
	requestTimeout = 10 * time.Second
	// tokenTTL is how long a request's signature is valid, as in LiveKit.
	tokenTTL = 5 * time.Minute
	// contentType is required by LiveKit's receivers.
	contentType = "application/webhook+json"
)

// statusError is the error for a response with a status other than 2xx.
type statusError struct {
	status     int
	retryAfter time.Duration // from the Retry-After header, 0 if there is none
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the receiver answered with status %d", e.status)
}

// permanent reports whether the status means that the receiver will probably reject the same request again (RFC 9110,
// section 15.5). Statuses 408 (timeout), 425 (too early) and 429 (too many requests) are temporary.
func (e *statusError) permanent() bool {
	switch e.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.status < 500 || e.status == http.StatusNotImplemented
}

// post sends one event. It returns nil if the receiver accepted it, and a *statusError if the receiver refused it.
func (e Endpoint) post(ctx context.Context, client *http.Client, body []byte) error {
	sum := sha256.Sum256(body)
	signature, err := token.New(e.Key, e.Secret).SetSHA256(base64.StdEncoding.EncodeToString(sum[:])).SetTTL(tokenTTL).ToJWT()
	if err != nil {
		return fmt.Errorf("sign event: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", signature) // without "Bearer": LiveKit's receivers take the whole value
	res, err := client.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) { // its text contains the URL, which may hold secrets
			err = failed.Err
		}
		return fmt.Errorf("send event: %w", err)
	}
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be reused
	_ = res.Body.Close()
	if res.StatusCode/100 == 2 {
		return nil
	}
	after, _ := time.ParseDuration(res.Header.Get("Retry-After") + "s")
	return &statusError{status: res.StatusCode, retryAfter: after}
}

var errPrivateAddress = errors.New("the receiver's name resolves to a private address; to allow that, set webhook_private")

// newClient returns the HTTP client for all endpoints. It follows no redirects, because a signature is for one URL. If
// private is false, it refuses host names that resolve to private addresses. This prevents requests into the server's
// own network. IP addresses and "localhost" in a URL are always allowed.
func newClient(private bool) *http.Client {
	dial := &net.Dialer{Timeout: requestTimeout}
	checked := &net.Dialer{Timeout: requestTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || isPrivate(to.Addr()) {
			return errPrivateAddress
		}
		return nil
	}}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // with a proxy, the check would see only the proxy's address
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if _, literal := netip.ParseAddr(host); private || err == nil && (literal == nil || host == "localhost") {
			return dial.DialContext(ctx, network, address)
		}
		return checked.DialContext(ctx, network, address)
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

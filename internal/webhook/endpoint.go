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
	Key, Secret string // the API key that signs what is sent there
}

// validate tells what is wrong with an endpoint.
func (e Endpoint) validate() error {
	u, err := url.Parse(e.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return fmt.Errorf("webhook URL: got %q, want an address such as https://example.org/livekit-events", e.URL)
	}
	return nil
}

// name is what the endpoint's place in the queue is remembered by.
func (e Endpoint) name() string {
	sum := sha256.Sum256([]byte(e.URL))
	return hex.EncodeToString(sum[:8])
}

// host is what logs call it: addresses may hold secrets in their path.
func (e Endpoint) host() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return "?"
	}
	return u.Host
}

const (
	// requestTimeout is how long a receiver may take to answer. The queue's readers have 15 s for a message.
	requestTimeout = 10 * time.Second
	// tokenTTL is how long the signature of a request is good for, as with LiveKit.
	tokenTTL = 5 * time.Minute
	// contentType is what LiveKit's receivers look for.
	contentType = "application/webhook+json"
)

// refusedError is an answer that is no success.
type statusError struct {
	status     int
	retryAfter time.Duration // what the receiver asks us to wait
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the receiver answered with status %d", e.status)
}

// lasting reports whether the receiver objects to this very request, so that the same one later is unlikely to do better
// (RFC 9110, section 15.5). A timeout, too early and too many requests are no objection.
func (e *statusError) permanent() bool {
	switch e.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.status < 500 || e.status == http.StatusNotImplemented
}

// post sends one event; nil means that the receiver took it.
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
		if errors.As(err, &failed) { // its text holds the address
			err = failed.Err
		}
		return fmt.Errorf("send event: %w", err)
	}
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	_ = res.Body.Close()
	if res.StatusCode/100 == 2 {
		return nil
	}
	after, _ := time.ParseDuration(res.Header.Get("Retry-After") + "s")
	return &statusError{status: res.StatusCode, retryAfter: after}
}

var errPrivateAddress = errors.New("the receiver's name leads to a private address; allow that by the setting webhook_private if it is meant")

// newClient makes the client for all endpoints. It follows no redirect: a signature is for one address. A name that
// leads into the server's own network is refused unless private is set; an address written out, or localhost, is meant.
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
	transport.Proxy = nil // a proxy would do the dialling, and the check would be of its address
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

package admin

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/twitchtv/twirp"
)

// Kinds of failure. What Client returns wraps one of them, or none when the server said something else.
var (
	ErrUnreachable = errors.New("no server answers")
	ErrNotLiveKit  = errors.New("what answers is no LiveKit server")
	ErrRefused     = errors.New("the server refuses the API key")
	ErrNotFound    = errors.New("there is no such thing")
)

// failure is a sentence of one of the kinds.
type callError struct {
	kind error
	text string
}

func (f *callError) Error() string { return f.text }
func (f *callError) Unwrap() error { return f.kind }

// translate makes a sentence of what Twirp's client returned.
func (c *Client) translate(err error) error {
	said, ok := errors.AsType[twirp.Error](err)
	if !ok {
		return fmt.Errorf("call %s: %w", c.address, err)
	}
	if failed, ok := errors.AsType[*url.Error](said); ok {
		return c.unreachableError(failed.Err, failed.Timeout())
	}
	if errors.Is(said, context.DeadlineExceeded) { // the answer began, and did not end
		return c.unreachableError(said, true)
	}
	if status := said.Meta("status_code"); said.Meta("http_error_from_intermediary") != "" && said.Code() != twirp.Unauthenticated {
		return &callError{ErrNotLiveKit, fmt.Sprintf("what answers at %s is no LiveKit server: status %s to a call of its API", c.address, status)}
	}
	switch said.Code() {
	case twirp.Unauthenticated, twirp.PermissionDenied:
		return &callError{ErrRefused, fmt.Sprintf("%s refuses the API key %s: %s", c.address, c.key, refusalReason(said))}
	case twirp.NotFound:
		return &callError{ErrNotFound, said.Msg()}
	case twirp.BadRoute:
		return &callError{ErrNotLiveKit, fmt.Sprintf("what answers at %s does not know this call: %s", c.address, said.Msg())}
	case twirp.Internal:
		if errors.Unwrap(said) != nil { // made here, of an answer that could not be read
			return &callError{ErrNotLiveKit, fmt.Sprintf("what answers at %s is no LiveKit server: its answer cannot be read", c.address)}
		}
	}
	return fmt.Errorf("%s: %s", c.address, said.Msg())
}

// reason is why a key is refused. LiveKit's server says it in plain text, which Twirp's client keeps as the body.
func refusalReason(said twirp.Error) string {
	const longest = 200 // bytes; a proxy may answer with a page
	if body := said.Meta("body"); body != "" && len(body) <= longest {
		return body
	}
	return said.Msg()
}

func (c *Client) unreachableError(why error, late bool) error {
	if late || errors.Is(why, context.DeadlineExceeded) {
		why = errors.New("it did not in time")
	}
	return &callError{ErrUnreachable, fmt.Sprintf("no server answers at %s (%v)", c.address, why)}
}

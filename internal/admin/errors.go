package admin

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/twitchtv/twirp"
)

// Kinds of errors. An error of Client wraps one of them if one of them describes the cause.
var (
	ErrUnreachable = errors.New("no server answers")
	ErrNotLiveKit  = errors.New("the server is not a LiveKit server")
	ErrRefused     = errors.New("the server refuses the API key")
	ErrNotFound    = errors.New("not found")
)

// callError is the error of a failed call. Its text is a sentence about this call. It wraps one of the Err variables.
type callError struct {
	kind error
	text string
}

func (f *callError) Error() string { return f.text }
func (f *callError) Unwrap() error { return f.kind }

// translate converts an error of Twirp's client into an error whose text is one sentence. The new error wraps one of the
// Err variables if one of them describes the cause.
func (c *Client) translate(err error) error {
	twirpErr, ok := errors.AsType[twirp.Error](err)
	if !ok {
		return fmt.Errorf("call %s: %w", c.address, err)
	}
	if urlErr, ok := errors.AsType[*url.Error](twirpErr); ok {
		return c.unreachableError(urlErr.Err, urlErr.Timeout())
	}
	if errors.Is(twirpErr, context.DeadlineExceeded) { // the response began but did not end in time
		return c.unreachableError(twirpErr, true)
	}
	if status := twirpErr.Meta("status_code"); twirpErr.Meta("http_error_from_intermediary") != "" && twirpErr.Code() != twirp.Unauthenticated {
		return &callError{ErrNotLiveKit, fmt.Sprintf("the server at %s is not a LiveKit server: it answered an API call with status %s", c.address, status)}
	}
	switch twirpErr.Code() {
	case twirp.Unauthenticated, twirp.PermissionDenied:
		return &callError{ErrRefused, fmt.Sprintf("%s refuses the API key %s: %s", c.address, c.key, refusalReason(twirpErr))}
	case twirp.NotFound:
		return &callError{ErrNotFound, twirpErr.Msg()}
	case twirp.BadRoute:
		return &callError{ErrNotLiveKit, fmt.Sprintf("the server at %s does not support this call: %s", c.address, twirpErr.Msg())}
	case twirp.Internal:
		if errors.Unwrap(twirpErr) != nil { // from Twirp's client, which could not read the response
			return &callError{ErrNotLiveKit, fmt.Sprintf("the server at %s is not a LiveKit server: its response cannot be read", c.address)}
		}
	}
	return fmt.Errorf("%s: %s", c.address, twirpErr.Msg())
}

// refusalReason returns the reason for which the server refuses an API key. LiveKit sends the reason as plain text, which
// Twirp's client stores in the error's metadata under "body".
func refusalReason(twirpErr twirp.Error) string {
	const longest = 200 // bytes; a proxy may answer with a whole page
	if body := twirpErr.Meta("body"); body != "" && len(body) <= longest {
		return body
	}
	return twirpErr.Msg()
}

// unreachableError returns the error for a call without a response. timedOut means that the call took too long.
func (c *Client) unreachableError(why error, timedOut bool) error {
	if timedOut || errors.Is(why, context.DeadlineExceeded) {
		why = errors.New("no response in time")
	}
	return &callError{ErrUnreachable, fmt.Sprintf("no server answers at %s (%v)", c.address, why)}
}

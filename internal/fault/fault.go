package fault

import (
	"errors"
	"math"
	"time"
)

// Kind classifies an error by what the client can do about it.
type Kind int

// The kinds of errors. The zero value is Internal, so the text of an unmarked error is never shown.
const (
	Internal        Kind = iota // a fault of the server; the text is for the log only
	Invalid                     // the input is wrong; trying again is useless
	Unauthenticated             // the client's identity is unknown
	Denied                      // the client is known and has no permission
	NotFound                    // the named object does not exist
	Conflict                    // the request conflicts with existing state
	Exhausted                   // a limit on size, rate or number is reached
	Unavailable                 // temporarily impossible; trying again may work
)

var names = [...]string{
	Internal: "internal", Invalid: "invalid", Unauthenticated: "unauthenticated", Denied: "denied",
	NotFound: "not_found", Conflict: "conflict", Exhausted: "exhausted", Unavailable: "unavailable",
}

// String returns the name of the kind in logs and JSON.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(names) {
		return names[Internal]
	}
	return names[k]
}

// fault is an error made by New.
type fault struct {
	kind   Kind
	public string
}

func (f *fault) Error() string { return f.public }

// New returns an error of the given kind. Its text may be shown to the client, unless the kind is Internal.
func New(kind Kind, public string) error { return &fault{kind, public} }

// KindOf returns the kind of the outermost error in err's chain that was made by New, or Internal if there is none.
func KindOf(err error) Kind {
	if f := find(err); f != nil {
		return f.kind
	}
	return Internal
}

// Public returns the text of err that may be shown to a client, or "" if err is Internal.
func Public(err error) string {
	if f := find(err); f != nil && f.kind != Internal {
		return f.public
	}
	return ""
}

// find returns the outermost error in err's chain that was made by New, or nil.
func find(err error) *fault {
	f, _ := errors.AsType[*fault](err)
	return f
}

// delayed is an error after which the client may try again.
type delayed struct {
	error
	wait time.Duration
}

func (d *delayed) Unwrap() error { return d.error }

// After returns err with the time after which the client may try again.
func After(err error, wait time.Duration) error { return &delayed{err, wait} }

// RetryAfter returns the number of whole seconds after which the client may try again, for the header Retry-After (RFC 9110,
// section 10.2.3). It is at least 1 for errors of the kind Exhausted, and 0 for other errors without a time.
func RetryAfter(err error) int {
	seconds := 0
	if KindOf(err) == Exhausted {
		seconds = 1
	}
	if d, ok := errors.AsType[*delayed](err); ok {
		seconds = max(1, int(math.Ceil(d.wait.Seconds())))
	}
	return seconds
}

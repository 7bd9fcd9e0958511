package fault

import "errors"

// Kind says what went wrong in terms the other side can act on.
type Kind int

// The kinds. The zero value is Internal, so an error nobody thought about never shows its text.
const (
	Internal        Kind = iota // our mistake; the text is for the log only
	Invalid                     // the input is wrong and will stay wrong
	Unauthenticated             // we do not know who is asking
	Denied                      // we know who is asking, and they may not
	NotFound                    // what was named does not exist
	Conflict                    // it collides with what is already there
	Exhausted                   // too much, too often, or full
	Unavailable                 // not at the moment; trying again may work
)

var names = [...]string{
	Internal: "internal", Invalid: "invalid", Unauthenticated: "unauthenticated", Denied: "denied",
	NotFound: "not_found", Conflict: "conflict", Exhausted: "exhausted", Unavailable: "unavailable",
}

// String returns the kind as logs and JSON spell it.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(names) {
		return names[Internal]
	}
	return names[k]
}

type fault struct {
	kind   Kind
	public string
}

func (f *fault) Error() string { return f.public }

// New returns an error of the given kind whose text may be shown to whoever caused it.
func New(kind Kind, public string) error { return &fault{kind, public} }

// KindOf returns the kind of the outermost marked error in err's chain, or Internal when none is marked.
func KindOf(err error) Kind {
	if f := find(err); f != nil {
		return f.kind
	}
	return Internal
}

// Public returns the text that may be shown to a stranger, or "" when err is Internal.
func Public(err error) string {
	if f := find(err); f != nil && f.kind != Internal {
		return f.public
	}
	return ""
}

func find(err error) *fault {
	f, _ := errors.AsType[*fault](err)
	return f
}

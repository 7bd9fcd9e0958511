package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"meet/internal/fault"
)

func TestWrappedErrorKeepsKindAndPublicText(t *testing.T) {
	gone := fault.New(fault.NotFound, "there is no such meeting")
	secret := fault.New(fault.Internal, "disk 7 is on fire")
	for _, tc := range []struct {
		name   string
		err    error
		kind   fault.Kind
		public string
	}{
		{"nil", nil, fault.Internal, ""},
		{"unmarked", io.ErrUnexpectedEOF, fault.Internal, ""},
		{"sentinel", gone, fault.NotFound, "there is no such meeting"},
		{"wrapped", fmt.Errorf("open room 7: %w", gone), fault.NotFound, "there is no such meeting"},
		{"joined", errors.Join(io.EOF, fmt.Errorf("a: %w", gone)), fault.NotFound, "there is no such meeting"},
		{"text of an internal error is not public", fmt.Errorf("b: %w", secret), fault.Internal, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := fault.KindOf(tc.err); got != tc.kind {
				t.Errorf("KindOf = %v, want %v", got, tc.kind)
			}
			if got := fault.Public(tc.err); got != tc.public {
				t.Errorf("Public = %q, want %q", got, tc.public)
			}
		})
	}
	if err := fmt.Errorf("open: %w", gone); !errors.Is(err, gone) {
		t.Error("a wrapped sentinel is no longer recognised")
	}
}

func TestKindNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if seen[k.String()] || k.String() == "" {
			t.Errorf("kind %d has no name of its own: %q", k, k)
		}
		seen[k.String()] = true
	}
	if got := fault.Kind(99).String(); got != "internal" {
		t.Errorf("an unknown kind is called %q, want internal", got)
	}
}

func TestTimeUntilRetryIsInWholeSeconds(t *testing.T) {
	busy, down := fault.New(fault.Exhausted, "busy"), fault.New(fault.Unavailable, "down")
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{io.EOF, 0},
		{down, 0},
		{busy, 1},
		{fault.After(busy, 0), 1},
		{fault.After(busy, 1001*time.Millisecond), 2},
		{fmt.Errorf("join: %w", fault.After(down, time.Minute)), 60},
	} {
		if got := fault.RetryAfter(tc.err); got != tc.want {
			t.Errorf("%v: %d s, want %d", tc.err, got, tc.want)
		}
	}
	if err := fault.After(busy, time.Second); fault.KindOf(err) != fault.Exhausted || fault.Public(err) != "busy" {
		t.Errorf("the kind of %v is %v", err, fault.KindOf(err))
	}
}

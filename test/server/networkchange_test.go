package server_test

import (
	"context"
	"testing"
	"time"

	"meet/internal/client"
	"meet/test/harness"
	"meet/test/measure"
)

// silentLimit is how long media may be silent for somebody whose laptop changes networks.
const silentLimit = 3 * time.Second

// silence polls a count until it has moved often, and returns the longest time it stood still.
type silence struct {
	count   func() uint64
	last    uint64
	at      time.Time
	longest time.Duration
	moves   int
}

func newSilence(count func() uint64) *silence {
	return &silence{count: count, last: count(), at: time.Now()}
}

func (s *silence) look() {
	if n := s.count(); n != s.last {
		s.longest, s.last, s.at, s.moves = max(s.longest, time.Since(s.at)), n, time.Now(), s.moves+1
	}
}

// A laptop changes networks: its socket and its path die at once, half a second later it is there again, from another
// address, and resumes. Or its router forgets it, which it does not even notice.
func TestMediaResumesSoonAfterANetworkChange(t *testing.T) {
	for name, c := range map[string]struct {
		resumes bool
		down    time.Duration // from one network to the other
	}{
		"to another network":       {true, 500 * time.Millisecond},
		"the router forgets":       {false, 0},
		"the socket alone is lost": {true, -1},
	} {
		t.Run(name, func(t *testing.T) {
			inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
				proxy := s.link(0, 0)
				ada := s.join(ctx, "ada", o)
				o.UDPProxy = proxy.Addr()
				bo := s.join(ctx, "bo", o)
				mic, _ := ada.publishBoth(ctx)
				theirs, _ := bo.publishBoth(ctx)
				harness.Eventually(ctx, t, "media flows both ways", func() bool { return bo.receives(mic.SID(), 20) && ada.receives(theirs.SID(), 20) })

				down := newSilence(func() uint64 { return bo.count(mic.SID()) })
				up := newSilence(func() uint64 { return ada.count(theirs.SID()) })
				back := make(chan error, 1)
				if c.resumes {
					bo.DropSignal()
				}
				if c.down >= 0 {
					proxy.Cut(true)
				}
				begin := time.AfterFunc(max(c.down, 0), func() {
					if c.down >= 0 {
						proxy.Rebind()
						proxy.Cut(false)
					}
					if !c.resumes {
						back <- nil
						return
					}
					back <- bo.Resume(ctx)
				})
				defer begin.Stop()
				resumed := false
				harness.Eventually(ctx, t, "media flows both ways again", func() bool {
					up.look()
					down.look()
					select {
					case err := <-back:
						if err != nil {
							t.Fatalf("bo does not resume: %v", err)
						}
						resumed, up.moves, down.moves = true, 0, 0
					default:
					}
					return resumed && up.moves > 50 && down.moves > 50
				})
				measure.Within(t, "silence from bo", up.longest, silentLimit)
				measure.Within(t, "silence to bo", down.longest, silentLimit)
			})
		})
	}
}

package server_test

import (
	"context"
	"testing"
	"time"

	"meet/internal/client"
	"meet/test/harness"
	"meet/test/measure"
)

// maxGap is how long media may be interrupted when a client changes networks.
const maxGap = 3 * time.Second

// gapMeter polls a count and measures the longest time between two changes of it.
type gapMeter struct {
	count      func() uint64
	last       uint64
	lastChange time.Time
	longest    time.Duration
	changes    int
}

// newGapMeter returns a gapMeter of the given count.
func newGapMeter(count func() uint64) *gapMeter {
	return &gapMeter{count: count, last: count(), lastChange: time.Now()}
}

// poll reads the count of received packets. It updates the longest time without a change and the number of changes.
func (s *gapMeter) poll() {
	if n := s.count(); n != s.last {
		s.longest, s.last, s.lastChange, s.changes = max(s.longest, time.Since(s.lastChange)), n, time.Now(), s.changes+1
	}
}

// When a client changes networks, its signalling socket and its media path break. Half a second later it resumes from
// another address. If only its NAT mapping changes, the client does not even notice.
func TestMediaResumesSoonAfterANetworkChange(t *testing.T) {
	for name, c := range map[string]struct {
		resumes bool
		down    time.Duration // how long there is no network; negative if media is not interrupted
	}{
		"to another network":      {true, 500 * time.Millisecond},
		"the NAT mapping changes": {false, 0},
		"only the socket breaks":  {true, -1},
	} {
		t.Run(name, func(t *testing.T) {
			inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
				proxy := s.lossyLink(0, 0)
				ada := s.join(ctx, "ada", o)
				o.UDPProxy = proxy.Addr()
				bo := s.join(ctx, "bo", o)
				mic, _ := ada.publishBoth(ctx)
				bosMic, _ := bo.publishBoth(ctx)
				harness.Eventually(ctx, t, "media flows both ways", func() bool { return bo.receives(mic.SID(), 20) && ada.receives(bosMic.SID(), 20) })

				down := newGapMeter(func() uint64 { return bo.packetCount(mic.SID()) })
				up := newGapMeter(func() uint64 { return ada.packetCount(bosMic.SID()) })
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
					up.poll()
					down.poll()
					select {
					case err := <-back:
						if err != nil {
							t.Fatalf("bo does not resume: %v", err)
						}
						resumed, up.changes, down.changes = true, 0, 0
					default:
					}
					return resumed && up.changes > 50 && down.changes > 50
				})
				measure.Within(t, "gap from bo", up.longest, maxGap)
				measure.Within(t, "gap to bo", down.longest, maxGap)
			})
		})
	}
}

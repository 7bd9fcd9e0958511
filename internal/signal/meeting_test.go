package signal_test

import (
	"context"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
)

// modes are the two ways clients connect.
var modes = []struct {
	name string
	o    client.Options
}{
	{"dual", client.Options{}},
	{"single", client.Options{SinglePC: true}},
	{"json", client.Options{JSON: true}},
}

func TestTwoPeopleSeeAndHearEachOther(t *testing.T) {
	for _, a := range modes {
		for _, b := range modes[:2] {
			t.Run(a.name+" and "+b.name, func(t *testing.T) {
				s := newServer(t)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				ada := s.join(ctx, "ada", a.o)
				adaMic, adaCam := ada.publishBoth(ctx)
				bo := s.join(ctx, "bo", b.o)
				boMic, boCam := bo.publishBoth(ctx)
				for _, sid := range []string{adaMic.SID(), adaCam.SID()} {
					eventually(ctx, t, "bo receives ada's "+sid, func() bool { return bo.receives(sid, 20) })
				}
				for _, sid := range []string{boMic.SID(), boCam.SID()} {
					eventually(ctx, t, "ada receives bo's "+sid, func() bool { return ada.receives(sid, 20) })
				}
				eventually(ctx, t, "bo hears that ada speaks", func() bool {
					return bo.saw(func(m *livekit.SignalResponse) bool {
						for _, sp := range m.GetSpeakersChanged().GetSpeakers() {
							if sp.Sid == ada.Participant().Sid && sp.Active {
								return true
							}
						}
						return false
					})
				})
			})
		}
	}
}

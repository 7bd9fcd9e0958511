package server_test

import (
	"context"
	"testing"

	"meet/test/harness"

	"github.com/livekit/protocol/livekit"
)

func TestTwoParticipantsSeeAndHearEachOther(t *testing.T) {
	for _, a := range modes {
		for _, b := range modes[:2] {
			t.Run(a.name+" and "+b.name, func(t *testing.T) {
				s := newServer(t)
				ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
				defer cancel()
				ada := s.join(ctx, "ada", a.o)
				adaMic, adaCam := ada.publishBoth(ctx)
				bo := s.join(ctx, "bo", b.o)
				boMic, boCam := bo.publishBoth(ctx)
				for _, sid := range []string{adaMic.SID(), adaCam.SID()} {
					harness.Eventually(ctx, t, "bo receives ada's "+sid, func() bool { return bo.receives(sid, 20) })
				}
				for _, sid := range []string{boMic.SID(), boCam.SID()} {
					harness.Eventually(ctx, t, "ada receives bo's "+sid, func() bool { return ada.receives(sid, 20) })
				}
				harness.Eventually(ctx, t, "bo sees that ada speaks", func() bool {
					return bo.hasMessage(func(m *livekit.SignalResponse) bool {
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

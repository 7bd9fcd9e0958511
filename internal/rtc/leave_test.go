package rtc

import (
	"testing"

	"github.com/livekit/protocol/livekit"
)

// A client that closes its media connection and sends a Leave has left by its own decision, in whichever order the two
// arrive. A client that sends no Leave is asked to resume.
func TestLeaveAfterMediaHasEndedStillCountsAsClientInitiated(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	for _, g := range []*testClient{ada, bo} {
		g.inspect(func(p *Participant) {
			p.activate()
			p.conn.lostMedia(true)
		})
		if g.sink.ended() {
			t.Error("the socket was closed before a Leave could arrive")
		}
	}
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	h.mu.Lock()
	last := h.events[len(h.events)-1]
	h.mu.Unlock()
	if last.Kind != ParticipantLeft || last.Participant.Identity != "ada" || last.Participant.DisconnectReason != livekit.DisconnectReason_CLIENT_INITIATED {
		t.Errorf("the last event is %s of %v", last.Kind, last.Participant)
	}
	eventually(t, "bo is asked to resume", func() bool {
		return bo.sink.ended() && bo.sink.got(func(m *livekit.SignalResponse) bool { return m.GetLeave().GetAction() == livekit.LeaveRequest_RESUME })
	})
}

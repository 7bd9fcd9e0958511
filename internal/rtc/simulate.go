package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
)

// simulation is what a client has asked to be made to suffer, for the tests of applications (docs/protocol.md, 7.4).
type simulation struct {
	speaksUntil time.Time
	// dropUntil is until when resumes are cut short: after their first message, or without any if silently is set. As many
	// as drops are.
	dropUntil time.Time
	drops     int
	silently  bool
}

const (
	// simulateResume is how long a client may take to begin the resume that is to be cut short.
	simulateResume = 5 * time.Second
	// silentDrops is how many resumes in a row get no message.
	silentDrops = 3
	// maxSpeech bounds how long somebody speaks who says nothing.
	maxSpeech = time.Minute
	// simulatedLevel is how loud that is, from 0 to 1.
	simulatedLevel = 0.9
)

// simulate does what the client asks for. It concerns the client alone, so anybody may ask.
func (p *Participant) simulate(s *livekit.SimulateScenario) {
	now := time.Now()
	switch m := s.GetScenario().(type) {
	case *livekit.SimulateScenario_SpeakerUpdate:
		p.simulation.speaksUntil = now.Add(min(time.Duration(max(m.SpeakerUpdate, 0))*time.Second, maxSpeech))
	case *livekit.SimulateScenario_NodeFailure:
		p.room.depart(p, livekit.DisconnectReason_UNKNOWN_REASON) // without a word; the next resume finds nothing
	case *livekit.SimulateScenario_Migration:
		p.room.depart(p, livekit.DisconnectReason_MIGRATION)
	case *livekit.SimulateScenario_ServerLeave:
		p.room.remove(p, livekit.DisconnectReason_SERVER_SHUTDOWN)
	case *livekit.SimulateScenario_SwitchCandidateProtocol:
		p.conn.switchProtocol(m.SwitchCandidateProtocol)
	case *livekit.SimulateScenario_SubscriberBandwidth:
		if t := p.conn.receiving(); t != nil {
			t.LimitBandwidth(m.SubscriberBandwidth)
		}
	case *livekit.SimulateScenario_DisconnectSignalOnResume:
		p.simulation.dropUntil, p.simulation.drops, p.simulation.silently = now.Add(simulateResume), 1, false
	case *livekit.SimulateScenario_DisconnectSignalOnResumeNoMessages:
		p.simulation.dropUntil, p.simulation.drops, p.simulation.silently = now.Add(simulateResume), silentDrops, true
	case *livekit.SimulateScenario_LeaveRequestFullReconnect:
		// The reference server does nothing here.
		p.reconnect()
	}
}

// dropsResume tells whether the resume that begins now is to be cut short, and before its first message or after it.
func (p *Participant) dropsResume(now time.Time) (drop, silently bool) {
	s := &p.simulation
	if s.drops == 0 || now.After(s.dropUntil) {
		return false, false
	}
	s.drops--
	return true, s.silently
}

// switchProtocol makes the client's media go over TCP, or wherever it can again, by a restart of ICE. The client
// restarts it where it is the one to offer: those of LiveKit join anew.
func (cn *connections) switchProtocol(to livekit.CandidateProtocol) {
	if !cn.mayUseTCP() {
		return
	}
	tcp := to != livekit.CandidateProtocol_UDP
	cn.p.room.rooms.fallback.Choose(cn.clientKey(), tcp, time.Now())
	for _, t := range cn.transports() {
		t.UseTCP(tcp)
	}
	if cn.subscriber != nil {
		cn.subscriber.Resume(true)
	}
}

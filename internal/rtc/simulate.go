package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
)

// simulation holds the faults that a client has asked for, to test applications (docs/protocol.md, 7.4).
type simulation struct {
	speaksUntil time.Time
	// dropUntil is the time until which resumes are cut short, at most drops of them: after their first message, or
	// without any message if silently is set.
	dropUntil time.Time
	drops     int
	silently  bool
}

const (
	// simulateResume is how long a client may take to begin the resume that is to be cut short.
	simulateResume = 5 * time.Second
	// silentDrops is the number of resumes in a row that get no message.
	silentDrops = 3
	// maxSpeech bounds the time of a simulated speaker.
	maxSpeech = time.Minute
	// simulatedLevel is the loudness of a simulated speaker, from 0 to 1.
	simulatedLevel = 0.9
)

// simulate carries out what the client asks for. It concerns only that client, so any may ask.
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
		if t := p.conn.receivingTransport(); t != nil {
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

// dropResume reports whether to cut short the resume that begins, and whether before its first message.
func (p *Participant) dropResume(now time.Time) (drop, silently bool) {
	s := &p.simulation
	if s.drops == 0 || now.After(s.dropUntil) {
		return false, false
	}
	s.drops--
	return true, s.silently
}

// switchProtocol moves the client's media to TCP, or back to UDP, by an ICE restart. Where the client makes the offers it
// has to restart ICE itself: LiveKit's clients join again.
func (cn *connections) switchProtocol(to livekit.CandidateProtocol) {
	if !cn.mayUseTCP() {
		return
	}
	tcp := to != livekit.CandidateProtocol_UDP
	cn.p.room.rooms.fallback.SetTCPOnly(cn.clientKey(), tcp, time.Now())
	for _, t := range cn.transports() {
		t.SetTCPOnly(tcp)
	}
	if cn.subscriber != nil {
		cn.subscriber.Resume(true)
	}
}

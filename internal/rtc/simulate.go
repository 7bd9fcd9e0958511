package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
)

// simulation holds the faults that a client has requested to test its application (docs/protocol.md, 7.4).
type simulation struct {
	// speaksUntil is the time until which the participant appears to speak.
	speaksUntil time.Time
	// dropUntil is the time until which resumes are interrupted. drops is the number of resumes that may still be
	// interrupted. If silently is set, a resume is interrupted before its first message, otherwise after it.
	dropUntil time.Time
	drops     int
	silently  bool
}

const (
	// simulateResume is the time for which a client's request to interrupt its resumes applies.
	simulateResume = 5 * time.Second
	// silentDrops is the number of consecutive resumes that are interrupted if the client requests interruptions before
	// the first message.
	silentDrops = 3
	// maxSpeech is the maximum duration of simulated speech.
	maxSpeech = time.Minute
	// simulatedLevel is the audio level of simulated speech, from 0 to 1.
	simulatedLevel = 0.9
)

// simulate carries out the scenario that the client requests. It affects only that client, so it needs no permission.
func (p *Participant) simulate(s *livekit.SimulateScenario) {
	now := time.Now()
	switch m := s.GetScenario().(type) {
	case *livekit.SimulateScenario_SpeakerUpdate:
		p.simulation.speaksUntil = now.Add(min(time.Duration(max(m.SpeakerUpdate, 0))*time.Second, maxSpeech))
	case *livekit.SimulateScenario_NodeFailure:
		p.room.depart(p, livekit.DisconnectReason_UNKNOWN_REASON) // without a message; the next resume finds no participant
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
		// The reference server ignores this scenario.
		p.reconnect()
	}
}

// dropResume reports whether the simulation interrupts the resume that has just begun. silently is true if it does
// so before the resume's first message.
func (p *Participant) dropResume(now time.Time) (drop, silently bool) {
	s := &p.simulation
	if s.drops == 0 || now.After(s.dropUntil) {
		return false, false
	}
	s.drops--
	return true, s.silently
}

// switchProtocol moves the client's media to TCP, to a relay that the client reaches over TLS, or back to UDP. Between UDP
// and TCP it restarts ICE. On a connection where the client makes the offers, only the client can restart ICE; LiveKit's
// clients rejoin instead. To start or stop using a relay, the client has to rejoin.
func (cn *connections) switchProtocol(to livekit.CandidateProtocol) {
	before, path := cn.path(), map[livekit.CandidateProtocol]peer.Path{
		livekit.CandidateProtocol_TCP: peer.TCPOnly, livekit.CandidateProtocol_TLS: peer.RelayOnly,
	}[to]
	if !cn.mayUse(path) {
		return
	}
	cn.p.room.rooms.fallback.SetPath(cn.clientKey(), path, time.Now())
	if before != path && (before == peer.RelayOnly || path == peer.RelayOnly) {
		cn.p.reconnect()
		return
	}
	cn.applyPath()
	if cn.subscriber != nil {
		cn.subscriber.Resume(true)
		cn.subscriber.path = path
	}
}

package peer

import (
	"testing"

	"github.com/pion/webrtc/v4"
)

// The media section of a removed track is free only when the client has answered the offer without the track. Until then,
// Pion would not use the section for another track, but add a section for both directions. So the server must add a
// send-only section itself.
func TestRemovedTracksMediaSectionIsNotReusedBeforeTheAnswer(t *testing.T) {
	p := newPair(t, Options{Subscribes: true, ReusesSections: true, Loopback: true})
	p.OpenDataChannel("data", true, func(*webrtc.DataChannel) {})
	p.Negotiate()
	p.accept(p.sent(1))
	mic, noise := p.downTrack("mic"), p.downTrack("noise")
	mimes := []string{webrtc.MimeTypeOpus}
	p.AddTrack(mic, mimes)
	p.Negotiate()
	p.accept(p.sent(2))
	drop := func() {
		mic.Stop()
		p.RemoveTrack(mic, false)
		p.Negotiate()
	}
	drop()
	withoutTrack := p.sent(3)
	p.AddTrack(noise, mimes) // while withoutTrack is unanswered
	p.Negotiate()
	p.onWorker(func() {
		for _, s := range p.Transport.pc.GetTransceivers() {
			if s.Direction() == webrtc.RTPTransceiverDirectionSendrecv {
				t.Error("a section is sendrecv")
			}
		}
	})
	p.accept(withoutTrack)
	p.accept(p.sent(4)) // adds a section for noise
	noise.Stop()
	p.RemoveTrack(noise, false)
	p.Negotiate()
	p.accept(p.sent(5)) // both sections are inactive
	p.onWorker(func() {
		if n := p.serverOffers.reuse.free[webrtc.RTPCodecTypeAudio]; n != 2 {
			t.Errorf("%d sections are free, want 2", n)
		}
	})
}

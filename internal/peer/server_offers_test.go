package peer

import (
	"testing"

	"github.com/pion/webrtc/v4"
)

// Until the answer arrives, Pion does not consider the media section free. If a track were added, Pion would add a new
// section.
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

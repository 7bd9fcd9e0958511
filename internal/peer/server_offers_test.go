package peer

import (
	"testing"

	"github.com/pion/webrtc/v4"
)

// A media section whose track has gone is used for the next track only when the client has agreed that it carries none:
// until then pion would not find it free, and make one for both directions.
func TestSectionIsNotUsedAgainBeforeTheAnswer(t *testing.T) {
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
	p.AddTrack(noise, mimes) // while that is not answered
	p.Negotiate()
	p.onWorker(func() {
		for _, s := range p.Transport.pc.GetTransceivers() {
			if s.Direction() == webrtc.RTPTransceiverDirectionSendrecv {
				t.Error("a section for both directions")
			}
		}
	})
	p.accept(withoutTrack)
	p.accept(p.sent(4)) // a section for the other track
	noise.Stop()
	p.RemoveTrack(noise, false)
	p.Negotiate()
	p.accept(p.sent(5)) // both without a track
	p.onWorker(func() {
		if n := p.serverOffers.reuse.free[webrtc.RTPCodecTypeAudio]; n != 2 {
			t.Errorf("%d sections are free, of two that the client has agreed carry nothing", n)
		}
	})
}

package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/test/harness"
	"meet/test/impair"
)

// quality returns the latest connection quality of o that g has received. ok is false if it has received none.
func (g *testClient) quality(o *testClient) (q livekit.ConnectionQuality, ok bool) {
	sid := o.Participant().Sid
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.messages {
		for _, i := range m.GetConnectionQuality().GetUpdates() {
			if i.ParticipantSid == sid {
				q, ok = i.Quality, true
			}
		}
	}
	return q, ok
}

// lossyLink starts a proxy that drops these fractions of the packets to and from the server.
func (s *server) lossyLink(up, down float64) *impair.Proxy {
	s.T.Helper()
	p := s.proxy()
	p.SetLink(impair.Link{Up: impair.Profile{Loss: up}, Down: impair.Profile{Loss: down}})
	return p
}

// Packet loss on the way to the server lowers the publisher's quality. Packet loss on the way from the server lowers
// the subscriber's quality. A participant receives its own quality, and the quality of every participant whose media it
// receives.
func TestConnectionQualityIsRatedSeparatelyForEachDirection(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	// NoInterceptors disables retransmission to the server.
	ada := s.join(ctx, "ada", client.Options{UDPProxy: s.lossyLink(0.3, 0).Addr(), NoInterceptors: true})
	mic, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		t.Fatal(err)
	}
	sendSamples(ctx, t, mic, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond)
	bo := s.join(ctx, "bo", client.Options{})
	cy := s.join(ctx, "cy", client.Options{UDPProxy: s.lossyLink(0, 0.3).Addr()})
	di, err := bo.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		t.Fatal(err)
	}
	sendSamples(ctx, t, di, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond)
	is := func(who, of *testClient, want livekit.ConnectionQuality) func() bool {
		return func() bool { q, ok := who.quality(of); return ok && q == want }
	}
	harness.Eventually(ctx, t, "ada's quality is poor for ada", is(ada, ada, livekit.ConnectionQuality_POOR))
	harness.Eventually(ctx, t, "ada's quality is poor for bo", is(bo, ada, livekit.ConnectionQuality_POOR))
	harness.Eventually(ctx, t, "cy's quality is poor for cy", is(cy, cy, livekit.ConnectionQuality_POOR))
	// On a busy machine some of bo's first packets may be lost, so bo's quality is checked last.
	harness.Eventually(ctx, t, "bo's quality is good for bo", is(bo, bo, livekit.ConnectionQuality_EXCELLENT))
	harness.Eventually(ctx, t, "bo's quality is good for cy", is(cy, bo, livekit.ConnectionQuality_EXCELLENT))
}

// The other participants receive the quality LOST after ICE has stopped receiving from the participant. The participant
// itself never receives LOST as its own quality.
func TestConnectionQualityOfVanishedParticipantIsReportedLost(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	path := s.lossyLink(0, 0)
	ada := s.join(ctx, "ada", client.Options{UDPProxy: path.Addr()})
	mic, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		t.Fatal(err)
	}
	sendSamples(ctx, t, mic, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond)
	bo := s.join(ctx, "bo", client.Options{})
	harness.Eventually(ctx, t, "ada's quality is good for bo", func() bool {
		q, ok := bo.quality(ada)
		return ok && q == livekit.ConnectionQuality_EXCELLENT
	})
	path.Cut(true)
	harness.Eventually(ctx, t, "ada's quality is lost for bo", func() bool {
		q, _ := bo.quality(ada)
		return q == livekit.ConnectionQuality_LOST
	})
	path.Cut(false)
	harness.Eventually(ctx, t, "ada's quality recovers for bo", func() bool {
		q, _ := bo.quality(ada)
		return q != livekit.ConnectionQuality_LOST
	})
	if ada.hasMessage(func(m *livekit.SignalResponse) bool {
		for _, i := range m.GetConnectionQuality().GetUpdates() {
			if i.ParticipantSid == ada.Participant().Sid && i.Quality == livekit.ConnectionQuality_LOST {
				return true
			}
		}
		return false
	}) {
		t.Error("ada received LOST for itself")
	}
}

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

// quality returns the latest quality of o's connection that was sent to g, and whether any was.
func (g *testClient) quality(o *testClient) (q livekit.ConnectionQuality, told bool) {
	sid := o.Participant().Sid
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.messages {
		for _, i := range m.GetConnectionQuality().GetUpdates() {
			if i.ParticipantSid == sid {
				q, told = i.Quality, true
			}
		}
	}
	return q, told
}

// lossyLink is a proxy that loses that share of packets up and down.
func (s *server) lossyLink(up, down float64) *impair.Proxy {
	s.T.Helper()
	p := s.proxy()
	p.SetLink(impair.Link{Up: impair.Profile{Loss: up}, Down: impair.Profile{Loss: down}})
	return p
}

// A connection is as good as what gets through on it: a publisher's losses are the publisher's, a subscriber's the
// subscriber's, and everybody who receives something knows.
func TestQualityIsRatedForEachDirection(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	// NoInterceptors: nobody repairs what is lost on the way up.
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
		return func() bool { q, told := who.quality(of); return told && q == want }
	}
	harness.Eventually(ctx, t, "ada's loss shows to ada", is(ada, ada, livekit.ConnectionQuality_POOR))
	harness.Eventually(ctx, t, "ada's loss shows to bo", is(bo, ada, livekit.ConnectionQuality_POOR))
	harness.Eventually(ctx, t, "cy's loss shows to cy", is(cy, cy, livekit.ConnectionQuality_POOR))
	// A machine that is short of time may lose some of bo's first packets; the losses of the others go on.
	harness.Eventually(ctx, t, "bo, whose own link is good, is told so", is(bo, bo, livekit.ConnectionQuality_EXCELLENT))
	harness.Eventually(ctx, t, "cy is told so of bo", is(cy, bo, livekit.ConnectionQuality_EXCELLENT))
}

// Somebody who vanishes shows as lost to others once ICE hears nothing, and is never told so itself.
func TestQualityOfVanishedParticipantIsLost(t *testing.T) {
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
	harness.Eventually(ctx, t, "bo knows that ada's connection is good", func() bool {
		q, told := bo.quality(ada)
		return told && q == livekit.ConnectionQuality_EXCELLENT
	})
	path.Cut(true)
	harness.Eventually(ctx, t, "bo knows that ada is lost", func() bool {
		q, _ := bo.quality(ada)
		return q == livekit.ConnectionQuality_LOST
	})
	path.Cut(false)
	harness.Eventually(ctx, t, "bo knows that ada is back", func() bool {
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
		t.Error("ada was told that it is lost itself")
	}
}

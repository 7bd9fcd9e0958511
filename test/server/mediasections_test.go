package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/test/harness"
)

// mediaSections returns the number of media sections in the latest session description for the connection on which g
// receives.
func (g *testClient) mediaSections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, m := range g.messages {
		if sdp := m.GetOffer().GetSdp() + m.GetAnswer().GetSdp(); len(sdp) > 0 && len(m.GetAnswer().GetMidToTrackId())+len(m.GetOffer().GetSdp()) > 0 {
			n = strings.Count(sdp, "\nm=")
		}
	}
	return n
}

// isOffered reports whether the latest session description maps a media section to this track.
func (g *testClient) isOffered(sid string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	var mids map[string]string
	for _, m := range g.messages {
		switch {
		case m.GetOffer() != nil:
			mids = m.GetOffer().MidToTrackId
		case m.GetAnswer() != nil:
			mids = m.GetAnswer().MidToTrackId
		}
	}
	for _, s := range mids {
		if s == sid {
			return true
		}
	}
	return false
}

// h264IDR is the beginning of an H264 key frame. Receivers parse no more than this.
var h264IDR = []byte{0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, 0x84, 0}

// A media section is reused for other tracks and codecs, so that the session description does not grow in long meetings
// in which tracks come and go.
func TestMediaSectionsOfEndedTracksAreReusedForOtherTracks(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		o.NoAutoSubscribe = true
		if !o.SinglePC {
			o.ClientInfo = browser // pion cannot receive on a reused section; the test with one connection checks media
		}
		bo := s.join(ctx, "bo", o)
		mic, vp8 := ada.publishBoth(ctx)
		h264, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeH264, Width: 640, Height: 360})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, h264, h264IDR, 33*time.Millisecond)
		tracks := []string{mic.SID(), vp8.SID(), h264.SID()}
		harness.Eventually(ctx, t, "bo sees the tracks", func() bool { return len(bo.RemoteParticipant("ada").GetTracks()) == len(tracks) })
		const cycles = 120
		for i := range cycles {
			sid := tracks[i%len(tracks)]
			for _, want := range []bool{true, false} {
				if err := bo.SetSubscribed(want, sid); err != nil {
					t.Fatal(err)
				}
				harness.Eventually(ctx, t, "the session description is updated", func() bool { return bo.isOffered(sid) == want })
			}
		}
		if n := bo.mediaSections(); n == 0 || n > 10 {
			t.Errorf("%d media sections after %d subscriptions, one at a time", n, cycles)
		}
		for _, sid := range tracks[:2] {
			if !o.SinglePC {
				break
			}
			before := bo.packetCount(sid)
			if err := bo.SetSubscribed(true, sid); err != nil {
				t.Fatal(err)
			}
			harness.Eventually(ctx, t, "media arrives on a reused section", func() bool { return bo.packetCount(sid) > before+20 })
		}
	})
}

// Safari does not play another track on a used media section.
func TestSafariGetsANewMediaSectionForEachTrack(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada := s.join(ctx, "ada", client.Options{})
	bo := s.join(ctx, "bo", client.Options{NoAutoSubscribe: true, ClientInfo: &livekit.ClientInfo{
		Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Safari",
	}})
	_, cam := ada.publishBoth(ctx)
	harness.Eventually(ctx, t, "bo sees the tracks", func() bool { return len(bo.RemoteParticipant("ada").GetTracks()) == 2 })
	before := bo.mediaSections()
	for range 5 {
		for _, want := range []bool{true, false} {
			if err := bo.SetSubscribed(want, cam.SID()); err != nil {
				t.Fatal(err)
			}
			harness.Eventually(ctx, t, "the session description is updated", func() bool { return bo.isOffered(cam.SID()) == want })
		}
	}
	if n := bo.mediaSections() - before; n != 5 {
		t.Errorf("%d new media sections for five subscriptions", n)
	}
}

// A connection negotiated with one codec can carry later tracks in other codecs.
func TestLaterTrackInAnotherCodecArrives(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		_, vp8 := ada.publishBoth(ctx)
		harness.Eventually(ctx, t, "the VP8 track arrives", func() bool { return bo.receives(vp8.SID(), 5) })
		h264, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeH264, Width: 640, Height: 360})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, h264, h264IDR, 33*time.Millisecond)
		harness.Eventually(ctx, t, "the H264 track arrives", func() bool { return bo.receives(h264.SID(), 5) })
		if l := bo.leaveRequests(); len(l) > 0 {
			t.Errorf("bo had to reconnect: %v", l)
		}
	})
}

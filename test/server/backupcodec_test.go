package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/test/harness"
)

// h264KeyFrame is an H264 key frame: parameter sets and the start of an IDR slice.
var h264KeyFrame = []byte{0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xd9, 0, 0, 0, 1, 0x68, 0xcb, 0x83, 0, 0, 0, 1, 0x65, 0x88, 0x84, 0x0a}

// codecRequested reports whether g was last told to send track sid in that codec.
func codecRequested(g *testClient, sid, codec string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	yes := false
	for _, m := range g.messages {
		if u := m.GetSubscribedQualityUpdate(); u.GetTrackSid() == sid {
			yes = false
			for _, c := range u.SubscribedCodecs {
				for _, q := range c.Qualities {
					yes = yes || c.Codec == codec && q.Enabled
				}
			}
		}
	}
	return yes
}

// playedTracks tells in how many tracks g has received sid, and the type and number of the latest packet.
func (g *testClient) playedTracks(sid string) (tracks int, mime string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.tracks {
		if t.SID() == sid && t.Stats().Packets > 0 {
			tracks++
			mime = t.Codec().MimeType
		}
	}
	return tracks, mime
}

func (g *testClient) publishWithBackup(ctx context.Context, policy livekit.BackupCodecPolicy) *client.Publication {
	g.t.Helper()
	cam, err := g.Publish(ctx, client.PublishOptions{
		MimeType: webrtc.MimeTypeH264, Width: 640, Height: 360, BackupCodec: webrtc.MimeTypeVP8, BackupPolicy: policy,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	sendSamples(ctx, g.t, cam, h264KeyFrame, 33*time.Millisecond)
	return cam
}

func (g *testClient) publishBackup(ctx context.Context, cam *client.Publication) {
	g.t.Helper()
	backup, err := g.PublishBackup(ctx, cam, client.PublishOptions{MimeType: webrtc.MimeTypeVP8, Width: 640, Height: 360})
	if err != nil {
		g.t.Fatal(err)
	}
	if backup.SID() != cam.SID() {
		g.t.Errorf("the backup has sid %s, the track %s", backup.SID(), cam.SID())
	}
	sendSamples(ctx, g.t, backup, vp8KeyFrame, 33*time.Millisecond)
}

func withoutCodec(o client.Options, mime string) client.Options {
	o.ExcludeCodecs = []string{mime}
	return o
}

func TestSubscriberWithoutPrimaryCodecGetsTheBackup(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		cam := ada.publishWithBackup(ctx, livekit.BackupCodecPolicy_SIMULCAST)
		harness.Eventually(ctx, t, "bo plays the primary", func() bool { n, mime := bo.playedTracks(cam.SID()); return n == 1 && mime == webrtc.MimeTypeH264 })
		if codecRequested(ada, cam.SID(), "vp8") {
			t.Error("a backup nobody needs was asked for")
		}
		cy := s.join(ctx, "cy", withoutCodec(o, webrtc.MimeTypeH264))
		harness.Eventually(ctx, t, "the backup is asked for", func() bool { return codecRequested(ada, cam.SID(), "vp8") })
		ada.publishBackup(ctx, cam)
		harness.Eventually(ctx, t, "cy plays the backup", func() bool { n, mime := cy.playedTracks(cam.SID()); return n == 1 && mime == webrtc.MimeTypeVP8 })
		if cy.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetSubscriptionResponse() != nil }) {
			t.Error("cy was told of an error")
		}
		before := bo.packetCount(cam.SID())
		harness.Eventually(ctx, t, "bo goes on with the primary", func() bool { return bo.packetCount(cam.SID()) > before+20 })
		if n, _ := bo.playedTracks(cam.SID()); n != 1 || !codecRequested(ada, cam.SID(), "h264") {
			t.Errorf("bo has played %d tracks; the primary is asked for: %v", n, codecRequested(ada, cam.SID(), "h264"))
		}
		harness.Eventually(ctx, t, "the track lists both codecs", func() bool {
			tracks := bo.RemoteParticipant("ada").GetTracks()
			return len(tracks) == 1 && tracks[0].MimeType == "video/h264" && len(tracks[0].Codecs) == 2 &&
				tracks[0].Codecs[1].MimeType == "video/vp8" && tracks[0].Codecs[1].Mid != "" && tracks[0].Codecs[1].Mid != tracks[0].Mid
		})

		if err := cy.Close(); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "a backup nobody needs any more is off", func() bool { return !codecRequested(ada, cam.SID(), "vp8") })
	})
}

// In a small room the publisher sends one codec only: the one that everybody can decode.
func TestSmallRoomRegressesToOneCodec(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		follows := o
		follows.ClientInfo = browser
		ada, bo, dan := s.join(ctx, "ada", o), s.join(ctx, "bo", follows), s.join(ctx, "dan", o)
		cam := ada.publishWithBackup(ctx, livekit.BackupCodecPolicy_PREFER_REGRESSION)
		harness.Eventually(ctx, t, "both play the primary", func() bool { return bo.receives(cam.SID(), 5) && dan.receives(cam.SID(), 5) })
		cy := s.join(ctx, "cy", withoutCodec(o, webrtc.MimeTypeH264))
		harness.Eventually(ctx, t, "the backup is asked for", func() bool { return codecRequested(ada, cam.SID(), "vp8") })
		before := bo.packetCount(cam.SID())
		harness.Eventually(ctx, t, "until it comes bo goes on with the primary", func() bool { return bo.packetCount(cam.SID()) > before+20 })
		ada.publishBackup(ctx, cam)
		harness.Eventually(ctx, t, "cy plays the backup", func() bool { return cy.receives(cam.SID(), 5) })
		harness.Eventually(ctx, t, "bo follows within the track", func() bool {
			n, _ := bo.playedTracks(cam.SID())
			bo.mu.Lock()
			defer bo.mu.Unlock()
			return n == 1 && bo.tracks[len(bo.tracks)-1].Codec().MimeType == webrtc.MimeTypeVP8
		})
		harness.Eventually(ctx, t, "dan, who cannot, gets it as a new track", func() bool { n, mime := dan.playedTracks(cam.SID()); return n == 2 && mime == webrtc.MimeTypeVP8 })
		harness.Eventually(ctx, t, "the primary is off", func() bool { return !codecRequested(ada, cam.SID(), "h264") })
		if err := ada.Unpublish(ctx, cam); err != nil {
			t.Fatal(err)
		}
		before = bo.packetCount(cam.SID())
		harness.Eventually(ctx, t, "the track outlives its primary codec", func() bool { return bo.packetCount(cam.SID()) > before+20 })
	})
}

// In a large room both codecs are worth their cost, unless the publisher says otherwise.
func TestLargeRoomKeepsBothCodecsUnlessForced(t *testing.T) {
	for _, policy := range []livekit.BackupCodecPolicy{livekit.BackupCodecPolicy_PREFER_REGRESSION, livekit.BackupCodecPolicy_REGRESSION} {
		t.Run(policy.String(), func(t *testing.T) {
			s := newServer(t)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			ada, bo := s.join(ctx, "ada", client.Options{}), s.join(ctx, "bo", client.Options{})
			for i := range 3 {
				s.join(ctx, fmt.Sprint("listener", i), client.Options{NoAutoSubscribe: true})
			}
			cam := ada.publishWithBackup(ctx, policy)
			cy := s.join(ctx, "cy", withoutCodec(client.Options{}, webrtc.MimeTypeH264))
			harness.Eventually(ctx, t, "the backup is asked for", func() bool { return codecRequested(ada, cam.SID(), "vp8") })
			ada.publishBackup(ctx, cam)
			harness.Eventually(ctx, t, "cy plays the backup", func() bool { return cy.receives(cam.SID(), 5) })
			if policy == livekit.BackupCodecPolicy_REGRESSION {
				harness.Eventually(ctx, t, "bo too", func() bool { n, mime := bo.playedTracks(cam.SID()); return n == 2 && mime == webrtc.MimeTypeVP8 })
				return
			}
			before := bo.packetCount(cam.SID())
			harness.Eventually(ctx, t, "bo goes on", func() bool { return bo.packetCount(cam.SID()) > before+20 })
			if n, mime := bo.playedTracks(cam.SID()); n != 1 || mime != webrtc.MimeTypeH264 {
				t.Errorf("bo plays %s, track %d", mime, n)
			}
		})
	}
}

// Who cannot decode any of a track's codecs is told so.
func TestSubscriberWithoutAnyCodecIsNotified(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		cam, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeH264})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, cam, h264KeyFrame, 33*time.Millisecond)
		cy := s.join(ctx, "cy", withoutCodec(o, webrtc.MimeTypeH264))
		harness.Eventually(ctx, t, "cy is told", func() bool {
			return cy.hasMessage(func(m *livekit.SignalResponse) bool {
				r := m.GetSubscriptionResponse()
				return r.GetTrackSid() == cam.SID() && r.GetErr() == livekit.SubscriptionError_SE_CODEC_UNSUPPORTED
			})
		})
	})
}

// Mute, resume and unpublish act on both codecs of a track.
func TestMuteResumeAndUnpublishActOnBothCodecs(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo, cy := s.join(ctx, "ada", o), s.join(ctx, "bo", o), s.join(ctx, "cy", withoutCodec(o, webrtc.MimeTypeH264))
		cam := ada.publishWithBackup(ctx, livekit.BackupCodecPolicy_SIMULCAST)
		harness.Eventually(ctx, t, "the backup is asked for", func() bool { return codecRequested(ada, cam.SID(), "vp8") })
		ada.publishBackup(ctx, cam)
		both := func() bool { return bo.packetCount(cam.SID()) > 10 && cy.packetCount(cam.SID()) > 10 }
		harness.Eventually(ctx, t, "both play", both)

		ada.mu.Lock()
		ada.messages = nil
		ada.mu.Unlock()
		ada.DropSignal()
		if err := ada.Resume(ctx); err != nil {
			t.Fatalf("resume: %v", err)
		}
		harness.Eventually(ctx, t, "what is watched is told again", func() bool { return codecRequested(ada, cam.SID(), "vp8") && codecRequested(ada, cam.SID(), "h264") })

		// The client goes on sending, as a modified one would.
		muted := func(yes bool) {
			t.Helper()
			if err := ada.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: cam.SID(), Muted: yes}}}); err != nil {
				t.Fatal(err)
			}
			for _, g := range []*testClient{bo, cy} {
				harness.Eventually(ctx, t, "the mute is told", func() bool {
					tracks := g.RemoteParticipant("ada").GetTracks()
					return len(tracks) == 1 && tracks[0].Muted == yes
				})
			}
		}
		muted(true)
		mic, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, mic, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond)
		beforeBo, beforeCy := bo.packetCount(cam.SID()), cy.packetCount(cam.SID())
		harness.Eventually(ctx, t, "meanwhile sound passes", func() bool { return bo.receives(mic.SID(), 25) && cy.receives(mic.SID(), 25) })
		if n := bo.packetCount(cam.SID()) + cy.packetCount(cam.SID()) - beforeBo - beforeCy; n > 4 { // those under way
			t.Errorf("%d packets came of a muted track", n)
		}
		if err := ada.Unpublish(ctx, mic); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "the microphone has gone", func() bool {
			return len(bo.RemoteParticipant("ada").GetTracks()) == 1 && len(cy.RemoteParticipant("ada").GetTracks()) == 1
		})
		muted(false)
		harness.Eventually(ctx, t, "both go on", func() bool { return bo.packetCount(cam.SID()) > beforeBo+10 && cy.packetCount(cam.SID()) > beforeCy+10 })
	})
}

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

// codecRequested reports whether the latest SubscribedQualityUpdate for a track enables the codec.
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

// playedTracks returns how many of g's remote tracks have the SID sid and have received packets. mime is the MIME type
// of the latest of these tracks.
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

// publishWithBackup publishes H264 video and offers VP8 as its backup codec.
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

// publishBackup starts sending the backup codec of a track.
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

// withoutCodec returns options for a client that does not support a codec.
func withoutCodec(o client.Options, mime string) client.Options {
	o.ExcludeCodecs = []string{mime}
	return o
}

func TestSubscriberThatLacksThePrimaryCodecReceivesTheBackupCodec(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		cam := ada.publishWithBackup(ctx, livekit.BackupCodecPolicy_SIMULCAST)
		harness.Eventually(ctx, t, "bo plays the primary", func() bool { n, mime := bo.playedTracks(cam.SID()); return n == 1 && mime == webrtc.MimeTypeH264 })
		if codecRequested(ada, cam.SID(), "vp8") {
			t.Error("the backup codec was requested before a subscriber needed it")
		}
		cy := s.join(ctx, "cy", withoutCodec(o, webrtc.MimeTypeH264))
		harness.Eventually(ctx, t, "the backup codec is requested", func() bool { return codecRequested(ada, cam.SID(), "vp8") })
		ada.publishBackup(ctx, cam)
		harness.Eventually(ctx, t, "cy plays the backup", func() bool { n, mime := cy.playedTracks(cam.SID()); return n == 1 && mime == webrtc.MimeTypeVP8 })
		if cy.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetSubscriptionResponse() != nil }) {
			t.Error("cy received a subscription error")
		}
		before := bo.packetCount(cam.SID())
		harness.Eventually(ctx, t, "bo still plays the primary codec", func() bool { return bo.packetCount(cam.SID()) > before+20 })
		if n, _ := bo.playedTracks(cam.SID()); n != 1 || !codecRequested(ada, cam.SID(), "h264") {
			t.Errorf("bo has played %d tracks; the primary codec is requested: %v", n, codecRequested(ada, cam.SID(), "h264"))
		}
		harness.Eventually(ctx, t, "the track lists both codecs", func() bool {
			tracks := bo.RemoteParticipant("ada").GetTracks()
			return len(tracks) == 1 && tracks[0].MimeType == "video/h264" && len(tracks[0].Codecs) == 2 &&
				tracks[0].Codecs[1].MimeType == "video/vp8" && tracks[0].Codecs[1].Mid != "" && tracks[0].Codecs[1].Mid != tracks[0].Mid
		})

		if err := cy.Close(); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "the backup codec is turned off when no subscriber needs it", func() bool { return !codecRequested(ada, cam.SID(), "vp8") })
	})
}

// In a small room the publisher sends only one codec, which all subscribers can decode.
func TestPublisherInASmallRoomSendsOneCodecThatAllCanDecode(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		switching := o
		switching.ClientInfo = browser
		ada, bo, dan := s.join(ctx, "ada", o), s.join(ctx, "bo", switching), s.join(ctx, "dan", o)
		cam := ada.publishWithBackup(ctx, livekit.BackupCodecPolicy_PREFER_REGRESSION)
		harness.Eventually(ctx, t, "both play the primary", func() bool { return bo.receives(cam.SID(), 5) && dan.receives(cam.SID(), 5) })
		cy := s.join(ctx, "cy", withoutCodec(o, webrtc.MimeTypeH264))
		harness.Eventually(ctx, t, "the backup codec is requested", func() bool { return codecRequested(ada, cam.SID(), "vp8") })
		before := bo.packetCount(cam.SID())
		harness.Eventually(ctx, t, "bo plays the primary codec until the backup arrives", func() bool { return bo.packetCount(cam.SID()) > before+20 })
		ada.publishBackup(ctx, cam)
		harness.Eventually(ctx, t, "cy plays the backup", func() bool { return cy.receives(cam.SID(), 5) })
		harness.Eventually(ctx, t, "bo switches the codec within the track", func() bool {
			n, _ := bo.playedTracks(cam.SID())
			bo.mu.Lock()
			defer bo.mu.Unlock()
			return n == 1 && bo.tracks[len(bo.tracks)-1].Codec().MimeType == webrtc.MimeTypeVP8
		})
		harness.Eventually(ctx, t, "dan, whose client cannot switch, gets a new track", func() bool { n, mime := dan.playedTracks(cam.SID()); return n == 2 && mime == webrtc.MimeTypeVP8 })
		harness.Eventually(ctx, t, "the primary codec is turned off", func() bool { return !codecRequested(ada, cam.SID(), "h264") })
		if err := ada.Unpublish(ctx, cam); err != nil {
			t.Fatal(err)
		}
		before = bo.packetCount(cam.SID())
		harness.Eventually(ctx, t, "bo still receives the track", func() bool { return bo.packetCount(cam.SID()) > before+20 })
	})
}

// A large room uses both codecs, unless the publisher's backup codec policy is REGRESSION.
func TestLargeRoomKeepsBothCodecsUnlessPolicyIsRegression(t *testing.T) {
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
			harness.Eventually(ctx, t, "the backup codec is requested", func() bool { return codecRequested(ada, cam.SID(), "vp8") })
			ada.publishBackup(ctx, cam)
			harness.Eventually(ctx, t, "cy plays the backup", func() bool { return cy.receives(cam.SID(), 5) })
			if policy == livekit.BackupCodecPolicy_REGRESSION {
				harness.Eventually(ctx, t, "bo plays the backup codec", func() bool { n, mime := bo.playedTracks(cam.SID()); return n == 2 && mime == webrtc.MimeTypeVP8 })
				return
			}
			before := bo.packetCount(cam.SID())
			harness.Eventually(ctx, t, "bo still receives the track", func() bool { return bo.packetCount(cam.SID()) > before+20 })
			if n, mime := bo.playedTracks(cam.SID()); n != 1 || mime != webrtc.MimeTypeH264 {
				t.Errorf("bo plays %s, track %d", mime, n)
			}
		})
	}
}

func TestSubscriberThatSupportsNoPublishedCodecGetsAnError(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		cam, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeH264})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, cam, h264KeyFrame, 33*time.Millisecond)
		cy := s.join(ctx, "cy", withoutCodec(o, webrtc.MimeTypeH264))
		harness.Eventually(ctx, t, "cy gets SE_CODEC_UNSUPPORTED", func() bool {
			return cy.hasMessage(func(m *livekit.SignalResponse) bool {
				r := m.GetSubscriptionResponse()
				return r.GetTrackSid() == cam.SID() && r.GetErr() == livekit.SubscriptionError_SE_CODEC_UNSUPPORTED
			})
		})
	})
}

func TestMuteResumeAndUnpublishAffectPrimaryAndBackupCodec(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo, cy := s.join(ctx, "ada", o), s.join(ctx, "bo", o), s.join(ctx, "cy", withoutCodec(o, webrtc.MimeTypeH264))
		cam := ada.publishWithBackup(ctx, livekit.BackupCodecPolicy_SIMULCAST)
		harness.Eventually(ctx, t, "the backup codec is requested", func() bool { return codecRequested(ada, cam.SID(), "vp8") })
		ada.publishBackup(ctx, cam)
		both := func() bool { return bo.packetCount(cam.SID()) > 10 && cy.packetCount(cam.SID()) > 10 }
		harness.Eventually(ctx, t, "both receive video", both)

		ada.mu.Lock()
		ada.messages = nil
		ada.mu.Unlock()
		ada.DropSignal()
		if err := ada.Resume(ctx); err != nil {
			t.Fatalf("resume: %v", err)
		}
		harness.Eventually(ctx, t, "ada is notified of the requested codecs again", func() bool { return codecRequested(ada, cam.SID(), "vp8") && codecRequested(ada, cam.SID(), "h264") })

		// The client keeps sending while muted, as a modified client might.
		muted := func(yes bool) {
			t.Helper()
			if err := ada.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: cam.SID(), Muted: yes}}}); err != nil {
				t.Fatal(err)
			}
			for _, g := range []*testClient{bo, cy} {
				harness.Eventually(ctx, t, "the subscriber sees the mute state", func() bool {
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
		harness.Eventually(ctx, t, "audio arrives meanwhile", func() bool { return bo.receives(mic.SID(), 25) && cy.receives(mic.SID(), 25) })
		if n := bo.packetCount(cam.SID()) + cy.packetCount(cam.SID()) - beforeBo - beforeCy; n > 4 { // packets in flight
			t.Errorf("%d packets of a muted track arrived", n)
		}
		if err := ada.Unpublish(ctx, mic); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "the microphone is unpublished", func() bool {
			return len(bo.RemoteParticipant("ada").GetTracks()) == 1 && len(cy.RemoteParticipant("ada").GetTracks()) == 1
		})
		muted(false)
		harness.Eventually(ctx, t, "both receive video again", func() bool { return bo.packetCount(cam.SID()) > beforeBo+10 && cy.packetCount(cam.SID()) > beforeCy+10 })
	})
}

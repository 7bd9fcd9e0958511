package rtc

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// addSilentTrack adds a track with the client ID cid on which nothing is sent.
func (g *testClient) addSilentTrack(mime, cid string) (*webrtc.TrackLocalStaticSample, *webrtc.RTPSender) {
	g.t.Helper()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, cid, "stream")
	if err != nil {
		g.t.Fatal(err)
	}
	sender, err := g.pc.AddTrack(track)
	if err != nil {
		g.t.Fatal(err)
	}
	return track, sender
}

// inspectAfterWorker runs f with g's participant on the room's loop. It first waits until the server has handled g's
// latest offer.
func (g *testClient) inspectAfterWorker(f func(p *Participant)) {
	g.t.Helper()
	g.participant.latest().conn.publisher.waitForWorker(g.t.Context())
	g.inspect(f)
}

// publishedMimeTypes returns the MIME types of the published tracks, sorted.
func (h *harness) publishedMimeTypes() []string {
	var list []string
	for _, track := range h.published() {
		list = append(list, track.MimeType)
	}
	slices.Sort(list)
	return list
}

// subscribedTo reports whether g is subscribed to the track sid.
func (g *testClient) subscribedTo(sid string) bool {
	g.t.Helper()
	var yes bool
	g.inspect(func(p *Participant) { yes = p.subscribing.subscriptions[sid] != nil })
	return yes
}

// playedCodec returns the MIME type of the codec in which the server sends g the track with this SID. It returns "" if
// g does not get the track.
func (g *testClient) playedCodec(sid string) (mime string) {
	g.t.Helper()
	g.inspect(func(p *Participant) {
		if s := p.subscribing.subscriptions[sid]; s != nil && s.currentCodec != nil {
			mime = s.currentCodec.info.MimeType
		}
	})
	return mime
}

// A track is published before any media if the negotiation shows its codec. It does not show the codec if a client
// built on pion announces a video track without a codec: such a client may send another codec than the first one in
// the answer.
func TestTrackIsPublishedOnceNegotiatedBeforeAnyMediaArrives(t *testing.T) {
	js := &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Version: "2.23.0"}
	gosdk := &livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Protocol: 17}
	mic := addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE).GetAddTrack()
	for _, tt := range []struct {
		name   string
		client *livekit.ClientInfo
		tracks []*livekit.AddTrackRequest
		want   []string
	}{
		{"JS", js, []*livekit.AddTrackRequest{camera(), mic}, []string{"audio/opus", "video/vp8"}},
		{"JS with a codec", js, []*livekit.AddTrackRequest{camera("h264")}, []string{"video/h264"}},
		{"JS with a backup codec", js, []*livekit.AddTrackRequest{camera("vp9", "vp8")}, []string{"video/vp9"}},
		{"Go", gosdk, []*livekit.AddTrackRequest{mic, camera()}, []string{"audio/opus"}},
		{"Go with a codec", gosdk, []*livekit.AddTrackRequest{camera("vp8")}, []string{"video/vp8"}},
		{"unknown SDK", &livekit.ClientInfo{}, []*livekit.AddTrackRequest{mic, camera()}, []string{"audio/opus"}},
	} {
		for _, single := range []bool{false, true} {
			h := newHarness(t)
			req := request("ada")
			req.Client, req.SinglePC = tt.client, single
			ada, bo := h.join(req), h.join(request("bo"))
			for _, add := range tt.tracks {
				ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: add}})
				mime := webrtc.MimeTypeVP8
				if add.Type == livekit.TrackType_AUDIO {
					mime = webrtc.MimeTypeOpus
				}
				ada.addSilentTrack(mime, add.Cid)
			}
			ada.negotiate()
			eventually(t, tt.name+": the tracks are published", func() bool { return len(h.published()) >= len(tt.want) })
			if d := cmp.Diff(tt.want, h.publishedMimeTypes()); d != "" {
				t.Error(tt.name, d)
			}
			late := h.join(request("late"))
			eventually(t, "an offer", func() bool { return len(late.sink.offers()) > 0 })
			for _, track := range h.published() {
				if !bo.subscribedTo(track.Sid) || !strings.Contains(late.sink.offers()[0].Sdp, track.Sid) {
					t.Errorf("%s: the other participants are not offered %s", tt.name, track.MimeType)
				}
			}
		}
	}
}

// In this test the negotiation succeeds, but the answer has no ICE candidates. The connection is therefore never
// established, and the track must stay unpublished.
func TestNegotiatedTrackIsNotPublishedBeforeICEConnects(t *testing.T) {
	h := newHarness(t)
	req := request("ada")
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Version: "2.23.0"}
	ada := h.join(req)
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: camera("vp8")}})
	ada.addSilentTrack(webrtc.MimeTypeVP8, "v")
	ada.tamper = func(answer string) string {
		return strings.ReplaceAll(answer, "a=candidate:", "a=unknown:")
	}
	ada.negotiate()
	ada.inspectAfterWorker(func(p *Participant) {
		if len(p.publishing.publications) > 0 || len(p.publishing.pending) != 1 || !p.publishing.pending[0].offered {
			t.Errorf("%d tracks are published, %d announced", len(p.publishing.publications), len(p.publishing.pending))
		}
	})
}

// A second track with the same client ID is queued until the first one ends, and is then announced.
func TestPublishedTrackWithoutMediaEndsWhenNoLongerOffered(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	mic := addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE)
	ada.send(mic)
	_, sender := ada.addSilentTrack(webrtc.MimeTypeOpus, "a")
	ada.negotiate()
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	ada.send(mic) // queued until the first track ends
	if err := ada.pc.RemoveTrack(sender); err != nil {
		t.Fatal(err)
	}
	ada.negotiate()
	ada.inspectAfterWorker(func(p *Participant) {
		if len(p.publishing.publications) > 0 || len(p.publishing.pending) != 1 || len(p.publishing.queued) > 0 {
			t.Errorf("%d tracks are published, %d announced, %d queued", len(p.publishing.publications), len(p.publishing.pending), len(p.publishing.queued))
		}
	})
	want := []string{"track_published room", "track_unpublished room"}
	got := slices.DeleteFunc(h.eventsOf("ada"), func(e string) bool { return !strings.HasPrefix(e, "track_") })
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A client may send another codec than the negotiation showed. Subscribers get the track in that codec. So do
// subscribers in a room to which the publisher is forwarded.
func TestTrackSentInAnotherCodecThanNegotiatedIsReceived(t *testing.T) {
	for _, add := range []*livekit.AddTrackRequest{camera(), camera("vp8", "h264")} {
		h := newHarness(t)
		req := request("ada")
		req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Version: "2.23.0"}
		ada, bo := h.join(req), h.join(request("bo"))
		ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: add}})
		track, _ := ada.addSilentTrack(webrtc.MimeTypeH264, "v")
		ada.negotiate()
		eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
		sid := h.published()[0].Sid
		if got := h.published()[0].MimeType; got != "video/vp8" {
			t.Errorf("published as %s", got)
		}
		elsewhere := request("cy")
		elsewhere.Room = "other"
		cy := h.join(elsewhere)
		if err := h.Forward(t.Context(), "room", "ada", "other"); err != nil {
			t.Fatal(err)
		}
		accepted := map[*testClient]int{}
		bothPlay := func(mime string) bool {
			for _, g := range []*testClient{bo, cy} {
				if n := len(g.sink.offers()); n > accepted[g] {
					g.acceptOffer()
					accepted[g] = n
				}
			}
			return bo.playedCodec(sid) == mime && cy.playedCodec(sid) == mime
		}
		eventually(t, "VP8 is negotiated", func() bool { return bothPlay("video/vp8") })
		eventually(t, "both play H264", func() bool {
			if err := track.WriteSample(media.Sample{Data: []byte{0, 0, 0, 1, 0x65, 0x88}, Duration: 20 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
			return bothPlay("video/h264")
		})
	}
}

// Some format parameters do not select a decoder, such as Chromium's x-google-start-bitrate. They may differ from
// the negotiated ones.
func TestReceiverIsKeptIfFmtpDiffersOnlyInIrrelevantParameters(t *testing.T) {
	receiver := sfu.NewReceiver(sfu.ReceiverOptions{Format: sfu.Format{MimeType: webrtc.MimeTypeVP8}})
	pub := &Publication{}
	pub.codecs = []*publishedCodec{{
		pub: pub, info: &livekit.SimulcastCodecInfo{MimeType: "video/vp8"}, receiver: receiver, fmtp: "x-google-start-bitrate=549",
	}}
	pub.correctCodec(sfu.Format{MimeType: webrtc.MimeTypeVP8}, peer.MediaSection{})
	if pub.codecs[0].receiver != receiver {
		t.Error("the Receiver was closed")
	}
}

// A subscriber in another room is resubscribed when the track's Receiver is replaced by one of the same codec.
func TestForwardedTrackIsResubscribedWhenItsReceiverIsReplaced(t *testing.T) {
	h := newHarness(t)
	req := request("ada")
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Version: "2.23.0"}
	ada := h.join(req)
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: camera()}})
	ada.addSilentTrack(webrtc.MimeTypeVP8, "v")
	ada.negotiate()
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	sid := h.published()[0].Sid
	elsewhere := request("cy")
	elsewhere.Room = "other"
	cy := h.join(elsewhere)
	if err := h.Forward(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	settled := func() (plays bool) {
		if n := len(cy.sink.offers()); n > accepted {
			cy.acceptOffer()
			accepted = n
		}
		cy.inspect(func(p *Participant) {
			s := p.subscribing.subscriptions[sid]
			plays = s != nil && s.state != subscriptionNegotiating && s.currentCodec != nil
		})
		return plays
	}
	eventually(t, "it is negotiated", settled)
	before := accepted
	ada.inspect(func(p *Participant) {
		pub := p.publishing.publications[sid]
		c := pub.codecs[0]
		c.stop()
		c.createReceiver(sfu.Format{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "v", c.section)
		p.room.announce(p, true)
	})
	eventually(t, "it is negotiated again", func() bool { return settled() && accepted > before })
}

// Its media then arrives in the other room.
func TestPublishedTrackWithoutMediaMovesWithItsParticipant(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.send(addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	track, _ := ada.addSilentTrack(webrtc.MimeTypeOpus, "a")
	ada.negotiate()
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	sid := h.published()[0].Sid
	ada.inspect(func(p *Participant) { p.activate() }) // the test's client has no primary connection
	if err := h.Move(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its media arrives", func() bool {
		if err := track.WriteSample(media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		streams := 0
		p := ada.participant.latest()
		if err := p.room.loop.Do(t.Context(), func() {
			if pub := p.publishing.publications[sid]; pub != nil {
				streams = pub.codecs[0].streams
			}
		}); err != nil {
			t.Fatal(err)
		}
		return streams == 1
	})
}

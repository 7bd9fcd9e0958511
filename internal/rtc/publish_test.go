package rtc

import (
	"slices"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// notFound reports whether m refuses a request with NOT_FOUND.
func notFound(m *livekit.SignalResponse) bool {
	return m.GetRequestResponse().GetReason() == livekit.RequestResponse_NOT_FOUND
}

// publishedSID waits for the answer to the AddTrack request with the client ID cid and returns the track's SID.
func (g *testClient) publishedSID(cid string) string {
	g.t.Helper()
	sid := ""
	eventually(g.t, "the answer to AddTrack", func() bool {
		return g.sink.got(func(m *livekit.SignalResponse) bool {
			if r := m.GetTrackPublished(); r.GetCid() == cid {
				sid = r.Track.Sid
			}
			return sid != ""
		})
	})
	return sid
}

// lastTrackOf returns the only track in the latest update about a participant, or nil if the participant has another
// number of tracks.
func (g *testClient) lastTrackOf(identity string) *livekit.TrackInfo {
	var track *livekit.TrackInfo
	for _, m := range g.sink.all() {
		for _, p := range m.GetUpdate().GetParticipants() {
			if p.Identity == identity {
				track = nil
				if len(p.Tracks) == 1 {
					track = p.Tracks[0]
				}
			}
		}
	}
	return track
}

// The client may change the description of a track that is only announced, and later of the published track.
func TestVideoDimensionsUpdatedBeforeMediaAreAnnouncedWithTrack(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	video := func(sid string, width uint32) *livekit.SignalRequest {
		return &livekit.SignalRequest{Message: &livekit.SignalRequest_UpdateVideoTrack{
			UpdateVideoTrack: &livekit.UpdateLocalVideoTrack{TrackSid: sid, Width: width, Height: 90},
		}}
	}
	ada.send(addTrack("v", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA))
	sid := ada.publishedSID("v")
	ada.send(video(sid, 160))
	if ada.sink.got(notFound) {
		t.Error("an announced track was not found")
	}
	ada.sendMedia(webrtc.MimeTypeVP8, "v")
	ada.negotiate()
	eventually(t, "bo gets the track", func() bool { tr := bo.lastTrackOf("ada"); return tr != nil && tr.Width == 160 })
	ada.send(video(sid, 320))
	eventually(t, "bo gets the change", func() bool { tr := bo.lastTrackOf("ada"); return tr != nil && tr.Width == 320 && tr.Height == 90 })
	ada.send(video("TR_VCnone", 320))
	if !ada.sink.got(notFound) {
		t.Error("a change of an unknown track was accepted")
	}
}

func TestAudioFeaturesOfMutedTrackAreAnnounced(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	req := addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE)
	req.GetAddTrack().Muted = true
	ada.send(req)
	features := []livekit.AudioTrackFeature{livekit.AudioTrackFeature_TF_STEREO, livekit.AudioTrackFeature_TF_ECHO_CANCELLATION}
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_UpdateAudioTrack{
		UpdateAudioTrack: &livekit.UpdateLocalAudioTrack{TrackSid: ada.publishedSID("a"), Features: features},
	}})
	eventually(t, "bo gets the features", func() bool {
		tr := bo.lastTrackOf("ada")
		return tr != nil && slices.Equal(tr.AudioFeatures, features) && tr.Stereo
	})
}

// Media that arrives before its AddTrack is stored until the AddTrack arrives, or until the media is no longer offered.
func TestMediaIsStoredUntilItsAddTrackRequestArrives(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.sendMedia(webrtc.MimeTypeVP8, "kept")
	ada.sendMedia(webrtc.MimeTypeVP8, "ended")
	ada.negotiate()
	early := func() []string {
		var ids []string
		ada.inspect(func(p *Participant) {
			for _, m := range p.publishing.earlyMedia {
				ids = append(ids, m.Info().ID)
			}
		})
		return ids
	}
	eventually(t, "both are stored", func() bool { return len(early()) == 2 })
	for _, s := range ada.pc.GetSenders() {
		if s.Track() != nil && s.Track().ID() == "ended" {
			if err := ada.pc.RemoveTrack(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	ada.negotiate()
	eventually(t, "the one that ended is dropped", func() bool { return slices.Equal(early(), []string{"kept"}) })
	ada.send(addTrack("kept", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA))
	eventually(t, "the other is published", func() bool { return len(h.published()) == 1 && len(early()) == 0 })
}

// A track that was announced and offered but never sent must not claim the media of another track.
func TestAnnouncedTrackWithoutMediaIsDroppedWhenNoLongerOffered(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.send(addTrack("silent", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA))
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "silent", "stream")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := ada.pc.AddTrack(track)
	if err != nil {
		t.Fatal(err)
	}
	pending := func() int {
		n := 0
		ada.inspect(func(p *Participant) { n = len(p.publishing.pending) })
		return n
	}
	ada.negotiate()
	if pending() != 1 {
		t.Fatalf("%d tracks wait for media, want 1", pending())
	}
	ada.send(addTrack("silent", livekit.TrackType_VIDEO, livekit.TrackSource_SCREEN_SHARE)) // waits, because the client ID is in use
	if err := ada.pc.RemoveTrack(sender); err != nil {
		t.Fatal(err)
	}
	ada.negotiate()
	eventually(t, "the queued track is announced", func() bool {
		source := livekit.TrackSource_UNKNOWN
		ada.inspect(func(p *Participant) {
			if len(p.publishing.pending) == 1 && len(p.publishing.queued) == 0 {
				source = p.publishing.pending[0].info.Source
			}
		})
		return source == livekit.TrackSource_SCREEN_SHARE
	})
}

func TestCodecsCanBeAddedToTrackWithinLimits(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	add := func(sid, cid string, kind livekit.TrackType, codecs ...string) livekit.RequestResponse_Reason {
		before := len(ada.sink.all())
		req := &livekit.AddTrackRequest{Cid: cid, Sid: sid, Type: kind, Source: livekit.TrackSource_CAMERA}
		for _, c := range codecs {
			req.SimulcastCodecs = append(req.SimulcastCodecs, &livekit.SimulcastCodec{Codec: c, Cid: cid})
		}
		ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: req}})
		for _, m := range ada.sink.all()[before:] {
			if r := m.GetRequestResponse(); r != nil {
				return r.Reason
			}
			if r := m.GetTrackPublished(); r.GetCid() == cid {
				return livekit.RequestResponse_OK
			}
		}
		t.Fatalf("no answer to %v", req)
		return 0
	}
	video := livekit.TrackType_VIDEO
	if got := add("", "one", video, "vp9"); got != livekit.RequestResponse_OK {
		t.Fatal(got)
	}
	if got := add("", "two", video, "vp9"); got != livekit.RequestResponse_OK {
		t.Fatal(got)
	}
	sid := ada.publishedSID("one")
	for _, tt := range []struct {
		what   string
		sid    string
		cid    string
		kind   livekit.TrackType
		codecs []string
		want   livekit.RequestResponse_Reason
	}{
		{"a backup", sid, "one-vp8", video, []string{"vp8"}, livekit.RequestResponse_OK},
		{"the same backup again", sid, "one-vp8", video, []string{"vp8"}, livekit.RequestResponse_OK},
		{"unknown track", "TR_none", "x", video, []string{"vp8"}, livekit.RequestResponse_NOT_FOUND},
		{"codec of another kind", sid, "x", livekit.TrackType_AUDIO, []string{"opus"}, livekit.RequestResponse_NOT_FOUND},
		{"client ID of another track", sid, "two", video, []string{"h264"}, livekit.RequestResponse_INVALID_REQUEST},
		{"too many codecs in one request", sid, "x", video, []string{"a", "b", "c", "d", "e"}, livekit.RequestResponse_LIMIT_EXCEEDED},
		{"a third codec", sid, "one-h264", video, []string{"h264"}, livekit.RequestResponse_OK},
		{"a fourth codec", sid, "one-av1", video, []string{"av1"}, livekit.RequestResponse_OK},
	} {
		if got := add(tt.sid, tt.cid, tt.kind, tt.codecs...); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
	ada.inspect(func(p *Participant) {
		if info := p.publishing.pendingBySID(sid).info; len(info.Codecs) != 4 || info.Codecs[1].Cid != "one-vp8" {
			t.Errorf("the track has %v", info.Codecs)
		}
	})
}

// Audio in several codecs is subject to dynacast: the publisher is sent which codecs are used.
func TestPublisherIsSentWhichAudioCodecsAreSubscribed(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: "a", Type: livekit.TrackType_AUDIO, Source: livekit.TrackSource_MICROPHONE, DisableRed: true,
		SimulcastCodecs: []*livekit.SimulcastCodec{{Codec: "opus", Cid: "a"}, {Codec: "pcmu"}},
	}}})
	ada.sendMedia(webrtc.MimeTypeOpus, "a")
	ada.negotiate()
	lastDemand := func() map[string]bool {
		var last map[string]bool
		for _, m := range ada.sink.all() {
			if u := m.GetSubscribedAudioCodecUpdate(); u != nil {
				last = map[string]bool{}
				for _, c := range u.SubscribedAudioCodecs {
					last[c.Codec] = c.Enabled
				}
			}
		}
		return last
	}
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	sid := h.published()[0].Sid
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: sid, Muted: true}}})
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: sid}}})
	eventually(t, "no codec is requested without subscribers", func() bool {
		codecs := lastDemand()
		return len(codecs) == 2 && !codecs["opus"] && !codecs["pcmu"]
	})
	h.join(request("bo"))
	eventually(t, "only the first codec is requested", func() bool {
		codecs := lastDemand()
		return len(codecs) == 2 && codecs["opus"] && !codecs["pcmu"]
	})
}

// One offer may end several tracks. Then all queued tracks that have waited for the client IDs of those tracks are
// announced.
func TestQueuedTracksAreAnnouncedOnceTheirClientIDsAreFree(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	kinds := map[string]livekit.TrackType{"a": livekit.TrackType_AUDIO, "v": livekit.TrackType_VIDEO}
	ada.inspect(func(p *Participant) {
		for cid, kind := range kinds {
			for range 2 {
				p.publishing.addTrack(addTrack(cid, kind, livekit.TrackSource_UNKNOWN).GetAddTrack())
			}
		}
		p.publishing.offeredTracksChanged([]peer.OfferedTrack{{Kind: livekit.TrackType_AUDIO, CID: "a"}, {Kind: livekit.TrackType_VIDEO, CID: "v"}})
		p.publishing.offeredTracksChanged(nil) // one offer ends both
		if len(p.publishing.pending) != 2 || len(p.publishing.queued) != 0 {
			t.Errorf("%d tracks announced and %d queued, want 2 and 0", len(p.publishing.pending), len(p.publishing.queued))
		}
	})
}

package rtc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Track IDs in the SDP of testdata/safari. They differ from the IDs in AddTrack.
const (
	safariAudio = "0c2f9d0e-7c0b-4f43-b9a3-1d0f8f7f3a01"
	safariVideo = "5e0a64b2-52c4-4c1a-8f3e-6a8b5b2d9f02"
)

// safari returns the join request of a client on Safari.
func safari(single bool) JoinRequest {
	req := request("ada")
	req.SinglePC = single
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Browser: "Safari", BrowserVersion: "18.4"}
	return req
}

// sendOfferFrom sends the offer in a file of testdata/safari and returns the answer and its media sections by mid.
func (g *testClient) sendOfferFrom(file string) (*livekit.SessionDescription, map[string]*sdp.MediaDescription) {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "safari", file))
	if err != nil {
		g.t.Fatal(err)
	}
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Type: "offer", Sdp: string(text), Id: 1}}})
	var answer *livekit.SessionDescription
	eventually(g.t, "an answer", func() bool {
		for _, m := range g.sink.all() {
			if m.GetLeave() != nil {
				g.t.Fatalf("got a Leave: %v", m)
			}
			if a := m.GetAnswer(); a != nil {
				answer = a
			}
		}
		return answer != nil
	})
	byMid := map[string]*sdp.MediaDescription{}
	for _, m := range sectionsOf(g.t, answer.Sdp) {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		byMid[mid] = m
	}
	return answer, byMid
}

// attribute returns the value of the first attribute with this key, or "".
func attribute(m *sdp.MediaDescription, key string) string {
	v, _ := m.Attribute(key)
	return v
}

// has reports whether the section has an attribute with this key.
func has(m *sdp.MediaDescription, key string) bool {
	_, ok := m.Attribute(key)
	return ok
}

// addCamera returns a request that announces a camera with this codec.
func addCamera(codec string) *livekit.SignalRequest {
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: "script-video", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA,
		SimulcastCodecs: []*livekit.SimulcastCodec{{Codec: codec, Cid: "script-video"}},
	}}}
}

// The preferences of the announced tracks apply to Safari's sections, although their track IDs differ.
func TestAnswerToSafariUsesCodecPreferencesOfAnnouncedTracks(t *testing.T) {
	for _, single := range []bool{true, false} {
		g := newHarness(t).join(safari(single))
		mic := addTrack("script-audio", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE)
		mic.GetAddTrack().AudioFeatures = []livekit.AudioTrackFeature{livekit.AudioTrackFeature_TF_STEREO}
		g.send(mic)
		g.send(addCamera("vp8"))
		_, m := g.sendOfferFrom("camera.sdp")
		if got := codecsIn(m["1"]); len(got) == 0 || got[0] != "opus" || slices.Contains(got, "red") || !has(m["1"], "recvonly") {
			t.Errorf("audio is answered with %v", got)
		}
		if f := attribute(m["1"], "fmtp"); !strings.Contains(f, "usedtx=1") || !strings.Contains(f, "stereo=1;maxaveragebitrate=510000") {
			t.Errorf("Opus is answered with %q", f)
		}
		if got := codecsIn(m["2"]); len(got) == 0 || got[0] != "vp8" || slices.Contains(got, "av1") || !has(m["2"], "recvonly") {
			t.Errorf("video is answered with %v", got)
		}
		eventually(t, "the sections are assigned to the announced tracks", func() bool {
			ids := map[string]string{}
			g.inspect(func(p *Participant) {
				for _, pending := range p.publishing.pending {
					for _, codec := range pending.info.Codecs { // empty until the offer has been matched with the announced tracks
						ids[pending.cids[0]] = codec.SdpCid
					}
				}
			})
			return ids["script-audio"] == safariAudio && ids["script-video"] == safariVideo
		})
	}
}

// A layer that is offered as paused may be sent later, so the answer must not pause it.
func TestAnswerAcceptsSimulcastLayersThatSafariOffersPaused(t *testing.T) {
	g := newHarness(t).join(safari(true))
	g.send(addCamera("vp8"))
	_, m := g.sendOfferFrom("simulcast.sdp")
	if got := attribute(m["1"], "simulcast"); strings.Contains(got, "~") || !strings.HasPrefix(got, "recv ") || strings.Count(got, ";") != 2 {
		t.Errorf("answered simulcast %q", got)
	}
}

// Old versions of Safari support only H264 without retransmissions, and their SDP has track IDs only in the source
// attributes.
func TestOldSafariThatOffersOnlyH264GetsAnH264Answer(t *testing.T) {
	g := newHarness(t).join(safari(false))
	g.send(addCamera("vp8"))
	_, m := g.sendOfferFrom("h264-only.sdp")
	if got := codecsIn(m["1"]); !slices.Equal(got, []string{"h264"}) || m["1"].MediaName.Port.Value == 0 || strings.Contains(strings.Join(m["1"].MediaName.Formats, " "), "97") {
		t.Errorf("answered %v in %v", got, m["1"].MediaName.Formats)
	}
	eventually(t, "the section is assigned to the announced track", func() bool {
		id := ""
		g.inspect(func(p *Participant) { id = p.publishing.pending[0].info.Codecs[0].SdpCid })
		return id == safariVideo
	})
}

// Inactive sections stay inactive. A receive-only section is used only if the client has a single connection. It then
// carries a subscribed track.
func TestInactiveMediaSectionsInSafarisOfferStayInactive(t *testing.T) {
	for _, single := range []bool{true, false} {
		h := newHarness(t)
		bo := h.join(request("bo"))
		bo.send(addTrack("b", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA))
		bo.sendMedia(webrtc.MimeTypeVP8, "b")
		bo.negotiate()
		eventually(t, "bo's camera is published", func() bool { return len(h.published()) == 1 })
		g := h.join(safari(single))
		g.send(addCamera("h264"))
		answer, m := g.sendOfferFrom("leftovers.sdp")
		if got := codecsIn(m["4"]); !has(m["4"], "recvonly") || len(got) == 0 || got[0] != "h264" {
			t.Errorf("the camera is answered with %v", got)
		}
		if has(m["3"], "sendonly") || has(m["3"], "sendrecv") || has(m["1"], "recvonly") {
			t.Error("idle sections are used")
		}
		want := ""
		if single {
			want = h.published()[0].Sid
		}
		if got := answer.MidToTrackId["2"]; got != want || single != strings.Contains(attribute(m["2"], "msid"), want) && single {
			t.Errorf("the receiving section carries %q, %q", got, attribute(m["2"], "msid"))
		}
	}
}

// Some browsers use random track IDs in their SDP. They can publish, mute and unpublish tracks, even tracks without
// media.
func TestTracksWithRandomIDsInSDPAreMatchedToAnnouncedTracks(t *testing.T) {
	h := newHarness(t)
	ada := h.join(safari(false))
	ada.send(addTrack("script-audio", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	ada.send(addCamera("vp8"))
	ada.sendMedia(webrtc.MimeTypeVP8, "made-up")
	ada.negotiate()
	eventually(t, "the video is published as the camera", func() bool {
		tracks := h.published()
		return len(tracks) == 1 && tracks[0].Source == livekit.TrackSource_CAMERA && tracks[0].Codecs[0].SdpCid == "made-up" && tracks[0].Codecs[0].Cid == "script-video"
	})

	silent := addTrack("script-screen", livekit.TrackType_VIDEO, livekit.TrackSource_SCREEN_SHARE)
	silent.GetAddTrack().Muted = true
	ada.send(silent)
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "made-up-too", "stream")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := ada.pc.AddTrack(track)
	if err != nil {
		t.Fatal(err)
	}
	ada.negotiate()
	shown := func() int {
		n := 0
		ada.inspect(func(p *Participant) { n = len(p.snapshotWithTracks().Tracks) })
		return n
	}
	if shown() != 2 {
		t.Fatalf("%d tracks are visible, want the camera and the muted screen share", shown())
	}
	if err := ada.pc.RemoveTrack(sender); err != nil {
		t.Fatal(err)
	}
	ada.negotiate()
	eventually(t, "the muted screen share ends", func() bool { return shown() == 1 })
}

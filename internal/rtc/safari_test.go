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

// The track ids in the SDP of testdata/safari, which are not those of AddTrack.
const (
	safariAudio = "0c2f9d0e-7c0b-4f43-b9a3-1d0f8f7f3a01"
	safariVideo = "5e0a64b2-52c4-4c1a-8f3e-6a8b5b2d9f02"
)

func safari(single bool) JoinRequest {
	req := request("ada")
	req.SinglePC = single
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Browser: "Safari", BrowserVersion: "18.4"}
	return req
}

// offers sends one of Safari's offers and returns the sections of the answer, by mid.
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
				g.t.Fatalf("sent away: %v", m)
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

func attribute(m *sdp.MediaDescription, key string) string {
	v, _ := m.Attribute(key)
	return v
}

func has(m *sdp.MediaDescription, key string) bool {
	_, ok := m.Attribute(key)
	return ok
}

func addCamera(codec string) *livekit.SignalRequest {
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: "script-video", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA,
		SimulcastCodecs: []*livekit.SimulcastCodec{{Codec: codec, Cid: "script-video"}},
	}}}
}

// What the page wants of its tracks reaches the sections of the answer, though their ids are others.
func TestSafariAnswerFollowsAnnouncedTracks(t *testing.T) {
	for _, single := range []bool{true, false} {
		g := newHarness(t).join(safari(single))
		mic := addTrack("script-audio", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE)
		mic.GetAddTrack().AudioFeatures = []livekit.AudioTrackFeature{livekit.AudioTrackFeature_TF_STEREO}
		g.send(mic)
		g.send(addCamera("vp8"))
		_, m := g.sendOfferFrom("camera.sdp")
		if got := codecsIn(m["1"]); len(got) == 0 || got[0] != "opus" || slices.Contains(got, "red") || !has(m["1"], "recvonly") {
			t.Errorf("sound is answered with %v", got)
		}
		if f := attribute(m["1"], "fmtp"); !strings.Contains(f, "usedtx=1") || !strings.Contains(f, "stereo=1;maxaveragebitrate=510000") {
			t.Errorf("Opus is answered with %q", f)
		}
		if got := codecsIn(m["2"]); len(got) == 0 || got[0] != "vp8" || slices.Contains(got, "av1") || !has(m["2"], "recvonly") {
			t.Errorf("the picture is answered with %v", got)
		}
		eventually(t, "the sections are the announced tracks'", func() bool {
			ids := map[string]string{}
			g.inspect(func(p *Participant) {
				for _, pending := range p.publishing.pending {
					for _, codec := range pending.info.Codecs { // none before the offer has been matched with what was announced
						ids[pending.cids[0]] = codec.SdpCid
					}
				}
			})
			return ids["script-audio"] == safariAudio && ids["script-video"] == safariVideo
		})
	}
}

// A layer that is paused as it is offered may be sent later.
func TestSafariPausedLayersAreAccepted(t *testing.T) {
	g := newHarness(t).join(safari(true))
	g.send(addCamera("vp8"))
	_, m := g.sendOfferFrom("simulcast.sdp")
	if got := attribute(m["1"], "simulcast"); strings.Contains(got, "~") || !strings.HasPrefix(got, "recv ") || strings.Count(got, ";") != 2 {
		t.Errorf("answered simulcast %q", got)
	}
}

// Old versions have H264 alone, no retransmissions, and track ids with the sources only.
func TestSafariWithH264OnlyIsAnswered(t *testing.T) {
	g := newHarness(t).join(safari(false))
	g.send(addCamera("vp8"))
	_, m := g.sendOfferFrom("h264-only.sdp")
	if got := codecsIn(m["1"]); !slices.Equal(got, []string{"h264"}) || m["1"].MediaName.Port.Value == 0 || strings.Contains(strings.Join(m["1"].MediaName.Formats, " "), "97") {
		t.Errorf("answered %v in %v", got, m["1"].MediaName.Formats)
	}
	eventually(t, "the section is the announced track's", func() bool {
		id := ""
		g.inspect(func(p *Participant) { id = p.publishing.pending[0].info.Codecs[0].SdpCid })
		return id == safariVideo
	})
}

// Sections that only receive or do nothing are in nobody's way; with one connection they carry what comes.
func TestSafariIdleSectionsAreNotUsed(t *testing.T) {
	for _, single := range []bool{true, false} {
		h := newHarness(t)
		bo := h.join(request("bo"))
		bo.send(addTrack("b", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA))
		bo.sendMedia(webrtc.MimeTypeVP8, "b")
		bo.negotiate()
		eventually(t, "bo's camera is there", func() bool { return len(h.published()) == 1 })
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

// Browsers that make up track ids publish, mute, and unpublish even what never sent anything.
func TestTracksWithRandomIDsMatchAnnouncedTracks(t *testing.T) {
	h := newHarness(t)
	ada := h.join(safari(false))
	ada.send(addTrack("script-audio", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	ada.send(addCamera("vp8"))
	ada.sendMedia(webrtc.MimeTypeVP8, "made-up")
	ada.negotiate()
	eventually(t, "the picture is the camera", func() bool {
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
		t.Fatalf("%d tracks are shown, want the camera and the muted screen", shown())
	}
	if err := ada.pc.RemoveTrack(sender); err != nil {
		t.Fatal(err)
	}
	ada.negotiate()
	eventually(t, "the muted screen goes", func() bool { return shown() == 1 })
}

package rtc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// answerTo returns the media sections of the server's answer to a client that announces these tracks and offers them
// from a plain pion connection.
func answerTo(t *testing.T, req JoinRequest, announced ...*livekit.AddTrackRequest) []*sdp.MediaDescription {
	t.Helper()
	ada := newHarness(t).join(req)
	for _, add := range announced {
		ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: add}})
		mime := webrtc.MimeTypeVP9
		if add.Type == livekit.TrackType_AUDIO {
			mime = webrtc.MimeTypeOpus
		}
		ada.sendMedia(mime, add.Cid)
	}
	ada.negotiate()
	return sectionsOf(t, ada.sink.answers()[0])
}

// The answer requests DTX unless the client has disabled it, and stereo for stereo tracks.
func TestSDPAnswerRequestsStereoAndDTXAsInAddTrack(t *testing.T) {
	for _, tt := range []struct {
		name        string
		add         *livekit.AddTrackRequest
		dtx, stereo bool
	}{
		{"speech", &livekit.AddTrackRequest{}, true, false},
		{"music", &livekit.AddTrackRequest{AudioFeatures: []livekit.AudioTrackFeature{livekit.AudioTrackFeature_TF_STEREO, livekit.AudioTrackFeature_TF_NO_DTX}}, false, true},
		{"music of an old client", &livekit.AddTrackRequest{Stereo: true, DisableDtx: true}, false, true},
		{"stereo speech", &livekit.AddTrackRequest{AudioFeatures: []livekit.AudioTrackFeature{livekit.AudioTrackFeature_TF_STEREO}}, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.add.Cid, tt.add.Type, tt.add.Source = "a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE
			f := attribute(answerTo(t, request("ada"), tt.add)[0], "fmtp")
			if got := strings.Contains(f, "usedtx=1"); got != tt.dtx {
				t.Errorf("usedtx: %v in %q", got, f)
			}
			if got := strings.Contains(f, "stereo=1;maxaveragebitrate=510000"); got != tt.stereo {
				t.Errorf("stereo: %v in %q", got, f)
			}
		})
	}
}

// camera returns a request that announces a camera track with the client ID "v" in these codecs.
func camera(codecs ...string) *livekit.AddTrackRequest {
	add := &livekit.AddTrackRequest{Cid: "v", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA}
	for _, c := range codecs {
		add.SimulcastCodecs = append(add.SimulcastCodecs, &livekit.SimulcastCodec{Codec: c, Cid: "v"})
	}
	return add
}

// Firefox on Linux may send any codec that the answer contains. For this browser, the answer therefore contains only
// the requested codec.
func TestSDPAnswerPutsTheRequestedCodecFirst(t *testing.T) {
	if got := codecsIn(answerTo(t, request("ada"), camera("vp9"))[0]); got[0] != "vp9" || len(got) < 3 {
		t.Errorf("answered %v", got)
	}
	req := request("ada")
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Browser: "Firefox", Os: "Linux"}
	m := answerTo(t, req, camera("vp9"))[0]
	if d := cmp.Diff([]string{"vp9"}, codecsIn(m)); d != "" {
		t.Error(d)
	}
	formats := strings.Join(m.MediaName.Formats, " ")
	for _, a := range m.Attributes {
		if pt, _, _ := strings.Cut(a.Value, " "); (a.Key == "rtpmap" || a.Key == "fmtp" || a.Key == "rtcp-fb") && !strings.Contains(formats, pt) {
			t.Errorf("a=%s:%s belongs to none of the payload types %s", a.Key, a.Value, formats)
		}
	}
	if len(m.MediaName.Formats) < 2 {
		t.Errorf("no payload type for retransmissions in %s", formats)
	}
	req.Client.Os = "windows"
	if got := codecsIn(answerTo(t, req, camera("vp9"))[0]); len(got) < 3 {
		t.Errorf("on Windows answered %v", got)
	}
}

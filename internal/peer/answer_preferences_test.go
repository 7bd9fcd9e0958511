package peer

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
)

// FuzzAnswerPreferences applies preferences to arbitrary SDP as both the offer and the answer.
func FuzzAnswerPreferences(f *testing.F) {
	f.Add("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=msid:s a\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n")
	preferences := AnswerPreferences{
		Tracks: []SendPreference{
			{Kind: livekit.TrackType_VIDEO, CIDs: []string{"a"}, MimeType: "video/vp9", SingleCodec: true},
			{Kind: livekit.TrackType_AUDIO, CIDs: []string{"b"}, MimeType: "audio/opus", Stereo: true, DTX: true},
		},
		Disabled: []*livekit.Codec{{Mime: "video/h264"}},
	}
	f.Fuzz(func(t *testing.T, text string) {
		offer, answer := &sdp.SessionDescription{}, &sdp.SessionDescription{}
		if offer.UnmarshalString(text) != nil || answer.UnmarshalString(text) != nil {
			return
		}
		offeredTracks(offer, answer, nil)
		preferences.apply(answer, offer)
		if _, err := answer.Marshal(); err != nil {
			t.Error(err)
		}
	})
}

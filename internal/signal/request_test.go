package signal

import (
	"encoding/base64"
	"net/url"
	"slices"
	"testing"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/token"
)

func TestVideoMayBePausedUnlessClientRefuses(t *testing.T) {
	grants := &token.ClaimGrants{Identity: "ada", Video: &token.VideoGrant{RoomJoin: true, Room: "room"}}
	yes, no := true, false
	for name, tt := range map[string]struct {
		query string
		says  *bool
		want  bool
	}{
		"unset": {"", nil, false}, "yes": {"subscriber_allow_pause=1", &yes, false}, "no": {"subscriber_allow_pause=0", &no, true},
	} {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := proto.Marshal(&livekit.JoinRequest{ConnectionSettings: &livekit.ConnectionSettings{SubscriberAllowPause: tt.says}})
		if err == nil {
			raw, err = proto.Marshal(&livekit.WrappedJoinRequest{JoinRequest: raw})
		}
		if err != nil {
			t.Fatal(err)
		}
		wrapped := url.Values{"join_request": {base64.URLEncoding.EncodeToString(raw)}}
		for path, q := range map[bool]url.Values{false: q, true: wrapped} {
			if req, err := joinRequest(grants, q, "", path); err != nil || req.NeverPause != tt.want {
				t.Errorf("%s, v1 %v: never pause: %v, %v", name, path, req.NeverPause, err)
			}
		}
	}
}

// An unknown source must not leave the list empty, which would allow all sources.
func TestUnknownTrackSourceOrKindGrantsNothing(t *testing.T) {
	for _, tt := range []struct {
		sources []string
		want    []livekit.TrackSource
	}{
		{nil, nil},
		{[]string{"mic"}, []livekit.TrackSource{livekit.TrackSource_UNKNOWN}},
		{[]string{"screenshare"}, []livekit.TrackSource{livekit.TrackSource_UNKNOWN}},
		{[]string{""}, []livekit.TrackSource{livekit.TrackSource_UNKNOWN}},
		{[]string{"camera", "hologram"}, []livekit.TrackSource{livekit.TrackSource_CAMERA, livekit.TrackSource_UNKNOWN}},
		{[]string{"SCREEN_SHARE"}, []livekit.TrackSource{livekit.TrackSource_SCREEN_SHARE}},
	} {
		if got := permission(&token.VideoGrant{CanPublishSources: tt.sources}).CanPublishSources; !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, want %v", tt.sources, got, tt.want)
		}
	}
	if kind := parseKind("superuser"); kind != livekit.ParticipantInfo_STANDARD {
		t.Errorf("an unknown kind becomes %v", kind)
	}
}

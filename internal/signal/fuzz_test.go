package signal

import (
	"encoding/base64"
	"net/url"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/frame"
	"meet/internal/token"
)

// FuzzDecode requires that arbitrary frames decode to an error or to a message without unknown fields.
func FuzzDecode(f *testing.F) {
	offer, err := proto.Marshal(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Type: "offer"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(false, offer)
	f.Add(true, []byte(`{"pingReq":{"timestamp":"1"}}`))
	f.Fuzz(func(t *testing.T, text bool, raw []byte) {
		kind := websocket.BinaryMessage
		if text {
			kind = websocket.TextMessage
		}
		m := &livekit.SignalRequest{}
		if err := frame.Decode(kind, raw, m); err != nil {
			return
		}
		if len(m.ProtoReflect().GetUnknown()) > 0 {
			t.Error("an unknown field was not removed")
		}
	})
}

// FuzzJoinRequest requires that arbitrary parameters give an error or a complete join request.
func FuzzJoinRequest(f *testing.F) {
	join, err := proto.Marshal(&livekit.JoinRequest{ClientInfo: &livekit.ClientInfo{Browser: "x"}})
	if err != nil {
		f.Fatal(err)
	}
	wrapped, err := proto.Marshal(&livekit.WrappedJoinRequest{JoinRequest: join})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("join_request="+base64.URLEncoding.EncodeToString(wrapped), "Firefox/1", true)
	f.Add("protocol=17&sdk=js&attributes=e30=", "", false)
	g := &token.ClaimGrants{Identity: "ada", Video: &token.VideoGrant{RoomJoin: true, Room: "room"}}
	f.Fuzz(func(t *testing.T, query, userAgent string, v1 bool) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		req, err := joinRequest(g, q, userAgent, v1)
		if err == nil && (req.Client == nil || req.Info == nil || req.Room != "room") {
			t.Errorf("accepted but incomplete: %+v", req)
		}
	})
}

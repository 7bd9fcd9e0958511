package gosdk

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
)

// wantCodes maps each method of the SDK's API clients to the expected error code for a request about a room or other
// object that does not exist. "" means no error.
var wantCodes = map[string]twirp.ErrorCode{
	"CreateRoom": "", "ListRooms": "", "ListParticipants": "", "DeleteRoom": twirp.NotFound, "GetParticipant": twirp.NotFound,
	"RemoveParticipant": twirp.NotFound, "MutePublishedTrack": twirp.NotFound, "UpdateParticipant": twirp.NotFound,
	"UpdateSubscriptions": twirp.NotFound, "UpdateRoomMetadata": twirp.NotFound, "SendData": twirp.NotFound,
	"ForwardParticipant": twirp.NotFound, "MoveParticipant": twirp.NotFound, "PerformRpc": twirp.NotFound,

	"CreateDispatch": "", "DeleteDispatch": twirp.NotFound, "ListDispatch": twirp.NotFound,

	"StartEgress": twirp.NotFound, "StartRoomCompositeEgress": twirp.NotFound, "StartParticipantEgress": twirp.NotFound,
	"StartTrackCompositeEgress": twirp.NotFound, "StartTrackEgress": twirp.NotFound, "StartWebEgress": twirp.Unimplemented,
	"UpdateLayout": twirp.NotFound, "UpdateStream": twirp.NotFound, "ListEgress": "", "StopEgress": twirp.NotFound,

	"CreateIngress": twirp.Unimplemented, "UpdateIngress": twirp.NotFound, "ListIngress": "", "DeleteIngress": twirp.NotFound,

	"ListSIPTrunk": "", "ListSIPInboundTrunk": "", "ListSIPOutboundTrunk": "", "ListSIPDispatchRule": "",
	"CreateSIPInboundTrunk": twirp.Unimplemented, "CreateSIPOutboundTrunk": twirp.Unimplemented, "CreateSIPDispatchRule": twirp.Unimplemented,
	"UpdateSIPInboundTrunk": twirp.NotFound, "UpdateSIPOutboundTrunk": twirp.NotFound, "UpdateSIPDispatchRule": twirp.NotFound,
	"DeleteSIPTrunk": twirp.NotFound, "DeleteSIPDispatchRule": twirp.NotFound,
	"CreateSIPParticipant": twirp.Unimplemented, "TransferSIPParticipant": twirp.NotFound,
}

func TestEveryAPIMethodOfTheSDKGetsTheExpectedCode(t *testing.T) {
	url := "http" + strings.TrimPrefix(server.url, "ws")
	for _, client := range []any{
		lksdk.NewRoomServiceClient(url, server.key, server.secret),
		lksdk.NewAgentDispatchServiceClient(url, server.key, server.secret),
		lksdk.NewEgressClient(url, server.key, server.secret),
		lksdk.NewIngressClient(url, server.key, server.secret),
		lksdk.NewSIPClient(url, server.key, server.secret),
	} {
		v := reflect.ValueOf(client)
		for i := range v.NumMethod() {
			name, f := v.Type().Method(i).Name, v.Method(i)
			if !isRPCMethod(f.Type()) {
				continue
			}
			want, known := wantCodes[name]
			if !known {
				t.Errorf("%s.%s is not in the table", v.Type(), name)
				continue
			}
			if code, err := callMethod(t, f); code != want {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
}

// isRPCMethod reports whether a function takes a context and a message and returns a message and an error.
func isRPCMethod(f reflect.Type) bool {
	message := reflect.TypeFor[proto.Message]()
	return f.NumIn() == 2 && f.NumOut() == 2 && f.In(0) == reflect.TypeFor[context.Context]() && f.In(1).Implements(message)
}

// callMethod calls a method with a request about an object that does not exist.
func callMethod(t *testing.T, f reflect.Value) (twirp.ErrorCode, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req := reflect.New(f.Type().In(1).Elem())
	for field, text := range map[string]string{
		"Name": newRoom(), "Room": newRoom(), "RoomName": newRoom(), "Identity": "nobody", "DestinationIdentity": "nobody",
		"ParticipantIdentity": "nobody", "DestinationRoom": "elsewhere", "TrackSid": "TR_none", "TransferTo": "tel:+1",
	} {
		if v := req.Elem().FieldByName(field); v.IsValid() && v.Kind() == reflect.String {
			v.SetString(text)
		}
	}
	switch m := req.Interface().(type) { // fields that the SDK requires
	case *livekit.MuteRoomTrackRequest:
		m.Muted = true
	case *livekit.CreateSIPInboundTrunkRequest:
		m.Trunk = &livekit.SIPInboundTrunkInfo{}
	case *livekit.CreateSIPOutboundTrunkRequest:
		m.Trunk = &livekit.SIPOutboundTrunkInfo{}
	case *livekit.UpdateSIPInboundTrunkRequest:
		m.Action = &livekit.UpdateSIPInboundTrunkRequest_Replace{Replace: &livekit.SIPInboundTrunkInfo{}}
		m.SipTrunkId = "ST_none"
	case *livekit.UpdateSIPOutboundTrunkRequest:
		m.Action = &livekit.UpdateSIPOutboundTrunkRequest_Replace{Replace: &livekit.SIPOutboundTrunkInfo{}}
		m.SipTrunkId = "ST_none"
	case *livekit.UpdateSIPDispatchRuleRequest:
		m.Action = &livekit.UpdateSIPDispatchRuleRequest_Replace{Replace: &livekit.SIPDispatchRuleInfo{}}
		m.SipDispatchRuleId = "SDR_none"
	}
	out := f.Call([]reflect.Value{reflect.ValueOf(ctx), req})
	err, _ := out[1].Interface().(error)
	var e twirp.Error
	if err == nil || !errors.As(err, &e) {
		return "", err
	}
	return e.Code(), err
}

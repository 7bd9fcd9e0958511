package server_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/client"
	"meet/test/harness"
)

// elixirCall is a request as ExLivekit, the Elixir server SDK, sends it. doc is the call in the SDK's documentation,
// and grant is the video grant in the token. body is message as ExLivekit encodes it. status, code and check describe
// the expected response.
type elixirCall struct {
	doc, path, grant string
	message          proto.Message
	body             string // hexadecimal encoding of the message
	status           int
	code             string
	check            func(body []byte) bool
}

// decodesTo returns a function that decodes a response body and reports whether the message has the expected content,
// by calling isExpected.
func decodesTo[M any, P interface {
	*M
	proto.Message
}](isExpected func(P) bool) func([]byte) bool {
	return func(body []byte) bool {
		m := P(new(M))
		return proto.Unmarshal(body, m) == nil && isExpected(m)
	}
}

const (
	createGrant  = `{"roomCreate":true}`
	adminGrant   = `{"room":"my-room","roomAdmin":true}`
	moveGrant    = `{"destinationRoom":"other","room":"my-room","roomAdmin":true}`
	recordGrant  = `{"roomRecord":true}`
	ingressGrant = `{"ingressAdmin":true}`
)

// elixirCalls are all calls that ExLivekit can make, in the order in which the test makes them.
var elixirCalls = []elixirCall{
	{
		`create_room(client, "my-room", max_participants: 50, empty_timeout: 300, metadata: "Room metadata")`, "RoomService/CreateRoom", createGrant,
		&livekit.CreateRoomRequest{Name: "my-room", MaxParticipants: 50, EmptyTimeout: 300, Metadata: "Room metadata"},
		"0a076d792d726f6f6d10ac0218322a0d526f6f6d206d65746164617461", 200, "", decodesTo(func(r *livekit.Room) bool {
			return r.Name == "my-room" && r.EmptyTimeout == 300 && r.MaxParticipants == 50 && r.Metadata == "Room metadata"
		}),
	},
	{
		`create_room(client, "my-room")`, "RoomService/CreateRoom", createGrant,
		&livekit.CreateRoomRequest{Name: "my-room"},
		"0a076d792d726f6f6d", 200, "", decodesTo(func(r *livekit.Room) bool { return r.MaxParticipants == 50 }),
	},
	{
		`list_rooms(client)`, "RoomService/ListRooms", `{"roomList":true}`,
		&livekit.ListRoomsRequest{},
		"", 200, "", decodesTo(func(r *livekit.ListRoomsResponse) bool { return len(r.Rooms) == 1 }),
	},
	{
		`list_rooms(client, names: ["my-room", "room2"])`, "RoomService/ListRooms", `{"roomList":true}`,
		&livekit.ListRoomsRequest{Names: []string{"my-room", "room2"}},
		"0a076d792d726f6f6d0a05726f6f6d32", 200, "", decodesTo(func(r *livekit.ListRoomsResponse) bool { return len(r.Rooms) == 1 && r.Rooms[0].Name == "my-room" }),
	},
	{
		`list_participants(client, "my-room")`, "RoomService/ListParticipants", adminGrant,
		&livekit.ListParticipantsRequest{Room: "my-room"},
		"0a076d792d726f6f6d", 200, "", decodesTo(func(r *livekit.ListParticipantsResponse) bool {
			return len(r.Participants) == 1 && r.Participants[0].Identity == "participant_identity"
		}),
	},
	{
		`get_participant(client, "my-room", "participant_identity")`, "RoomService/GetParticipant", adminGrant,
		&livekit.RoomParticipantIdentity{Room: "my-room", Identity: "participant_identity"},
		"0a076d792d726f6f6d12147061727469636970616e745f6964656e74697479", 200, "", decodesTo(func(p *livekit.ParticipantInfo) bool { return p.State == livekit.ParticipantInfo_ACTIVE }),
	},
	{
		`update_participant(client, "my-room", "participant_identity", metadata: "new metadata", name: "New Name")`, "RoomService/UpdateParticipant", adminGrant,
		&livekit.UpdateParticipantRequest{Room: "my-room", Identity: "participant_identity", Metadata: "new metadata", Name: "New Name"},
		"0a076d792d726f6f6d12147061727469636970616e745f6964656e746974791a0c6e6577206d657461646174612a084e6577204e616d65", 200, "", decodesTo(func(p *livekit.ParticipantInfo) bool { return p.Metadata == "new metadata" && p.Name == "New Name" }),
	},
	{
		`update_room_metadata(client, "my-room", "updated metadata")`, "RoomService/UpdateRoomMetadata", adminGrant,
		&livekit.UpdateRoomMetadataRequest{Room: "my-room", Metadata: "updated metadata"},
		"0a076d792d726f6f6d121075706461746564206d65746164617461", 200, "", decodesTo(func(r *livekit.Room) bool { return r.Metadata == "updated metadata" }),
	},
	{
		`mute_published_track(client, "my-room", "participant_identity", "TR_none", true)`, "RoomService/MutePublishedTrack", adminGrant,
		&livekit.MuteRoomTrackRequest{Room: "my-room", Identity: "participant_identity", TrackSid: "TR_none", Muted: true},
		"0a076d792d726f6f6d12147061727469636970616e745f6964656e746974791a0754525f6e6f6e652001", 404, "not_found", nil,
	},
	{
		`update_subscriptions(client, "my-room", "participant_identity", track_sids: ["TR_x"], subscribe: true)`, "RoomService/UpdateSubscriptions", adminGrant,
		&livekit.UpdateSubscriptionsRequest{Room: "my-room", Identity: "participant_identity", TrackSids: []string{"TR_x"}, Subscribe: true},
		"0a076d792d726f6f6d12147061727469636970616e745f6964656e746974791a0454525f782001", 200, "", nil,
	},
	{
		`send_data(client, "my-room", "hi", :RELIABLE, destination_identities: ["participant_identity"], topic: "topic")`, "RoomService/SendData", adminGrant,
		&livekit.SendDataRequest{
			Room: "my-room", Data: []byte("hi"), DestinationIdentities: []string{"participant_identity"}, Topic: proto.String("topic"), Nonce: []byte("sixteen bytes it"),
		},
		"0a076d792d726f6f6d120268692a05746f70696332147061727469636970616e745f6964656e746974793a107369787465656e206279746573206974", 200, "", nil,
	},
	{
		`forward_participant(client, "my-room", "nobody", "other")`, "RoomService/ForwardParticipant", moveGrant,
		&livekit.ForwardParticipantRequest{Room: "my-room", Identity: "nobody", DestinationRoom: "other"},
		"0a076d792d726f6f6d12066e6f626f64791a056f74686572", 404, "not_found", nil,
	},
	{
		`move_participant(client, "my-room", "nobody", "other")`, "RoomService/MoveParticipant", moveGrant,
		&livekit.MoveParticipantRequest{Room: "my-room", Identity: "nobody", DestinationRoom: "other"},
		"0a076d792d726f6f6d12066e6f626f64791a056f74686572", 404, "not_found", nil,
	},
	{
		`remove_participant(client, "my-room", "participant_identity")`, "RoomService/RemoveParticipant", adminGrant,
		&livekit.RoomParticipantIdentity{Room: "my-room", Identity: "participant_identity"},
		"0a076d792d726f6f6d12147061727469636970616e745f6964656e74697479", 200, "", nil,
	},
	{
		`remove_participant(client, "my-room", "nobody")`, "RoomService/RemoveParticipant", adminGrant,
		&livekit.RoomParticipantIdentity{Room: "my-room", Identity: "nobody"},
		"0a076d792d726f6f6d12066e6f626f6479", 404, "not_found", nil,
	},
	{
		`create_dispatch(client, "my-room", "scribe", "m")`, "AgentDispatchService/CreateDispatch", adminGrant,
		&livekit.CreateAgentDispatchRequest{AgentName: "scribe", Room: "my-room", Metadata: "m"},
		"0a0673637269626512076d792d726f6f6d1a016d", 200, "", decodesTo(func(d *livekit.AgentDispatch) bool { return d.AgentName == "scribe" && d.Metadata == "m" }),
	},
	{
		`list_dispatch(client, "my-room")`, "AgentDispatchService/ListDispatch", adminGrant,
		&livekit.ListAgentDispatchRequest{Room: "my-room"},
		"12076d792d726f6f6d", 200, "", decodesTo(func(l *livekit.ListAgentDispatchResponse) bool { return len(l.AgentDispatches) == 2 }),
	},
	{
		`get_dispatch(client, "AD_x", "my-room")`, "AgentDispatchService/GetDispatch", adminGrant,
		&livekit.ListAgentDispatchRequest{DispatchId: "AD_x", Room: "my-room"},
		"0a0441445f7812076d792d726f6f6d", 404, "bad_route", nil,
	},
	{
		`delete_dispatch(client, "AD_x", "my-room")`, "AgentDispatchService/DeleteDispatch", adminGrant,
		&livekit.DeleteAgentDispatchRequest{DispatchId: "AD_x", Room: "my-room"},
		"0a0441445f7812076d792d726f6f6d", 404, "not_found", nil,
	},
	{
		`create_ingress(client, input_type: :RTMP_INPUT, room_name: "my-room", participant_identity: "streamer", participant_name: "Streamer Name")`, "Ingress/CreateIngress", ingressGrant,
		&livekit.CreateIngressRequest{RoomName: "my-room", ParticipantIdentity: "streamer", ParticipantName: "Streamer Name"},
		"1a076d792d726f6f6d220873747265616d65722a0d53747265616d6572204e616d65", 501, "unimplemented", nil,
	},
	{
		`list_ingresses(client)`, "Ingress/ListIngress", ingressGrant,
		&livekit.ListIngressRequest{},
		"", 200, "", nil,
	},
	{
		`list_ingresses(client, room_name: "my-room", ingress_id: "ingress_id")`, "Ingress/ListIngress", ingressGrant,
		&livekit.ListIngressRequest{RoomName: "my-room", IngressId: "ingress_id"},
		"0a076d792d726f6f6d120a696e67726573735f6964", 200, "", nil,
	},
	{
		`update_ingress(client, "ingress_id", name: "Updated Name")`, "Ingress/UpdateIngress", ingressGrant,
		&livekit.UpdateIngressRequest{IngressId: "ingress_id", Name: "Updated Name"},
		"0a0a696e67726573735f6964120c55706461746564204e616d65", 404, "not_found", nil,
	},
	{
		`delete_ingress(client, "ingress_id")`, "Ingress/DeleteIngress", ingressGrant,
		&livekit.DeleteIngressRequest{IngressId: "ingress_id"},
		"0a0a696e67726573735f6964", 404, "not_found", nil,
	},
	{
		`start_room_composite_egress(client, "my-room", %StreamOutput{protocol: :RTMP, urls: ["rtmp://example.com/live"]})`, "Egress/StartRoomCompositeEgress", recordGrant,
		&livekit.RoomCompositeEgressRequest{RoomName: "my-room", StreamOutputs: []*livekit.StreamOutput{{Protocol: livekit.StreamProtocol_RTMP, Urls: []string{"rtmp://example.com/live"}}}},
		"0a076d792d726f6f6d621b0801121772746d703a2f2f6578616d706c652e636f6d2f6c697665", 501, "unimplemented", nil,
	},
	{
		`start_participant_egress(client, "my-room", "participant_identity", %EncodedFileOutput{file_type: :MP4, filepath: "/path/to/output.mp4"})`, "Egress/StartParticipantEgress", recordGrant,
		&livekit.ParticipantEgressRequest{RoomName: "my-room", Identity: "participant_identity", FileOutputs: []*livekit.EncodedFileOutput{{FileType: livekit.EncodedFileType_MP4, Filepath: "/path/to/output.mp4"}}},
		"0a076d792d726f6f6d12147061727469636970616e745f6964656e746974793217080112132f706174682f746f2f6f75747075742e6d7034", 501, "unimplemented", nil,
	},
	{
		`list_egress(client)`, "Egress/ListEgress", recordGrant,
		&livekit.ListEgressRequest{},
		"", 200, "", nil,
	},
	{
		`list_egress(client, room_name: "my-room", egress_id: "egress_id", active: true)`, "Egress/ListEgress", recordGrant,
		&livekit.ListEgressRequest{RoomName: "my-room", EgressId: "egress_id", Active: true},
		"0a076d792d726f6f6d12096567726573735f69641801", 200, "", nil,
	},
	{
		`stop_egress(client, "egress_id")`, "Egress/StopEgress", recordGrant,
		&livekit.StopEgressRequest{EgressId: "egress_id"},
		"0a096567726573735f6964", 404, "not_found", nil,
	},
	{
		`delete_room(client, "my-room")`, "RoomService/DeleteRoom", createGrant,
		&livekit.DeleteRoomRequest{Room: "my-room"},
		"0a076d792d726f6f6d", 200, "", nil,
	},
	{
		`delete_room(client, "my-room") again`, "RoomService/DeleteRoom", createGrant,
		&livekit.DeleteRoomRequest{Room: "my-room"},
		"0a076d792d726f6f6d", 404, "not_found", nil,
	},
}

// Every call has the headers, the token and the field order of ExLivekit. In one call the documentation of ExLivekit
// uses the value :RTMP_INPUT, but the schema of ExLivekit calls this value :RTMP.
func TestExLivekitCallsAreAnswered(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	for _, call := range elixirCalls {
		if strings.HasPrefix(call.doc, "list_participants") {
			s.joinRoom(ctx, "my-room", "participant_identity", client.Options{})
		}
		body, err := hex.DecodeString(call.body)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := (proto.MarshalOptions{Deterministic: true}).Marshal(call.message); err != nil || !bytes.Equal(body, want) {
			t.Errorf("%s is %s, not %x", call.doc, call.body, want)
		}
		a := s.sendElixir(ctx, call.path, call.grant, body)
		switch code := ""; {
		case a.status != call.status:
			t.Errorf("%s: %d %s", call.doc, a.status, a.body)
		case a.status == http.StatusOK:
			if a.contentType != inProtobuf || call.check != nil && !call.check(a.body) {
				t.Errorf("%s: %s %q", call.doc, a.contentType, a.body)
			}
		default: // errors are JSON, also for protobuf requests
			if code, _ = a.twirpError(t); code != call.code {
				t.Errorf("%s: %s", call.doc, a.body)
			}
		}
	}
}

func TestExLivekitCallsCoverEveryMethod(t *testing.T) {
	later := []string{ // methods of egress that its documentation does not show
		"/twirp/livekit.Egress/StartEgress", "/twirp/livekit.Egress/StartTrackCompositeEgress", "/twirp/livekit.Egress/StartTrackEgress",
		"/twirp/livekit.Egress/StartWebEgress", "/twirp/livekit.Egress/UpdateLayout", "/twirp/livekit.Egress/UpdateStream",
		"/twirp/livekit.RoomService/PerformRpc", // missing in ExLivekit
	}
	for _, path := range harness.APIPaths() {
		shown := slices.ContainsFunc(elixirCalls, func(c elixirCall) bool { return "/twirp/livekit."+c.path == path })
		if !shown && !slices.Contains(later, path) && !strings.Contains(path, "livekit.SIP/") {
			t.Errorf("%s is not called", path)
		}
	}
}

// sendElixir sends a request with the headers and the token of ExLivekit's client.
func (s *server) sendElixir(ctx context.Context, path, grant string, body []byte) apiResponse {
	s.T.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/twirp/livekit."+path, bytes.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	r.Header = http.Header{"User-Agent": {"Livekit Elixir SDK"}, "Content-Type": {"application/protobuf"}}
	return s.do(r, elixirToken(grant))
}

// elixirToken returns a token as ExLivekit writes it: an empty subject, valid for an hour, claims in alphabetical order.
func elixirToken(grant string) string {
	now := time.Now().Unix()
	b := base64.RawURLEncoding
	claims := fmt.Sprintf(`{"exp":%d,"iss":"devkey","nbf":%d,"sub":"","video":%s}`, now+3600, now, grant)
	text := b.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b.EncodeToString([]byte(claims))
	signature := hmac.New(sha256.New, []byte("secret"))
	signature.Write([]byte(text))
	return text + "." + b.EncodeToString(signature.Sum(nil))
}

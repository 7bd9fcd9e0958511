package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/token"
	"meet/test/harness"
)

// Every method refuses a token that lacks the method's grant, with LiveKit's error text. It accepts a token that has
// the grant.
func TestAPIMethodWithoutGrantIsUnauthenticated(t *testing.T) {
	s := newServer(t)
	paths := harness.APIPaths()
	if len(paths) < 45 {
		t.Fatalf("only %d methods found", len(paths))
	}
	powerless := s.tokenWith("ada", token.VideoGrant{RoomJoin: true, Room: "room"})
	elsewhere := s.tokenWith("ada", token.VideoGrant{RoomAdmin: true, Room: "another", DestinationRoom: "other"})
	able := s.tokenWith("", allGrants("room", "other"))
	for _, path := range paths {
		body := []byte(`{"room":"room","roomName":"room","name":"room","identity":"nobody","destinationRoom":"other","participantIdentity":"x"}`)
		for name, jwt := range map[string]string{"without a token": "", "with a token to join": powerless} {
			a := s.send(http.MethodPost, path, inJSON, jwt, body)
			if code, msg := a.twirpError(t); a.status != http.StatusUnauthorized || code != "unauthenticated" || msg != "permissions denied" {
				t.Errorf("%s %s: %d %s %q", path, name, a.status, code, msg)
			}
		}
		if strings.Contains(path, "RoomService") {
			if a := s.send(http.MethodPost, path, inJSON, elsewhere, body); a.status != http.StatusUnauthorized {
				t.Errorf("%s with the grant for another room: %d %s", path, a.status, a.body)
			}
		}
		a := s.send(http.MethodPost, path, inJSON, able, body)
		if a.status == http.StatusUnauthorized || a.status == http.StatusInternalServerError {
			t.Errorf("%s with every grant: %d %s", path, a.status, a.body)
		}
	}
}

func TestAPIInvalidInputIsRefusedWithItsCode(t *testing.T) {
	s := newServer(t)
	able := s.tokenWith("", allGrants("room", "room"))
	wrongKey, err := token.New("devkey", "another").SetVideoGrant(allGrants("room", "")).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 600<<10)
	for _, tt := range []struct {
		name, method, path, contentType, token, body string
		status                                       int
		code, says                                   string
	}{
		{"wrong verb", "GET", "livekit.RoomService/ListRooms", inJSON, able, "", 404, "bad_route", "only POST"},
		{"unknown method", "POST", "livekit.RoomService/Explode", inJSON, able, "{}", 404, "bad_route", "no handler for path"},
		{"Elixir's GetDispatch", "POST", "livekit.AgentDispatchService/GetDispatch", inProtobuf, able, "", 404, "bad_route", "no handler"},
		{"unknown service", "POST", "livekit.PhoneNumberService/ListPhoneNumbers", inJSON, able, "{}", 404, "bad_route", "no handler"},
		{"no method", "POST", "livekit.RoomService", inJSON, able, "{}", 404, "bad_route", "no handler"},
		{"empty path", "POST", "", inJSON, able, "{}", 404, "bad_route", "no handler"},
		{"wrong content type", "POST", "livekit.RoomService/ListRooms", "text/plain", able, "{}", 404, "bad_route", "Content-Type"},
		{"broken JSON", "POST", "livekit.RoomService/ListRooms", inJSON, able, `{"names":`, 400, "malformed", "json"},
		{"JSON of another type", "POST", "livekit.RoomService/ListRooms", inJSON, able, `{"names":7}`, 400, "malformed", "json"},
		{"broken protobuf", "POST", "livekit.RoomService/ListRooms", inProtobuf, able, "\x0a\xff", 400, "malformed", "protobuf"},
		{"oversized", "POST", "livekit.RoomService/ListRooms", inJSON, able, `{"names":["` + strings.Repeat("x", 5<<20) + `"]}`, 400, "malformed", "larger than"},
		{"token signed with another secret", "POST", "livekit.RoomService/ListRooms", inJSON, wrongKey, "{}", 401, "unauthenticated", "not valid"},
		{"not a token", "POST", "livekit.RoomService/ListRooms", inJSON, "nonsense", "{}", 401, "unauthenticated", "not valid"},
		{"no room name", "POST", "livekit.RoomService/CreateRoom", inJSON, able, "{}", 400, "invalid_argument", "no room name"},
		{"long room name", "POST", "livekit.RoomService/CreateRoom", inJSON, able, `{"name":"` + long[:257] + `"}`, 400, "invalid_argument", "longer than 256 bytes"},
		{"long metadata", "POST", "livekit.RoomService/CreateRoom", inJSON, able, `{"name":"a","metadata":"` + long + `"}`, 400, "invalid_argument", "metadata"},
		{"control character", "POST", "livekit.RoomService/CreateRoom", inJSON, able, `{"name":"a\u0000"}`, 400, "invalid_argument", "cannot be shown"},
		{"unknown preset", "POST", "livekit.RoomService/CreateRoom", inJSON, able, `{"name":"a","roomPreset":"big"}`, 400, "invalid_argument", "preset"},
		{"egress of another room", "POST", "livekit.RoomService/CreateRoom", inJSON, able, `{"name":"a","egress":{"room":{"roomName":"b"}}}`, 400, "invalid_argument", "room_name"},
		{"delete no room", "POST", "livekit.RoomService/DeleteRoom", inJSON, able, `{"room":"none"}`, 404, "not_found", "room does not exist"},
		{"metadata of no room", "POST", "livekit.RoomService/UpdateRoomMetadata", inJSON, able, `{"room":"room"}`, 404, "not_found", "room does not exist"},
		{"data to no room", "POST", "livekit.RoomService/SendData", inJSON, able, `{"room":"room"}`, 404, "not_found", "room does not exist"},
		{"short nonce", "POST", "livekit.RoomService/SendData", inJSON, able, `{"room":"room","nonce":"AAAA"}`, 400, "invalid_argument", "16-bytes"},
		{"too much data", "POST", "livekit.RoomService/SendData", inJSON, able, `{"room":"room","data":"` + strings.Repeat("AAAA", 30_000) + `"}`, 400, "invalid_argument", "at most"},
		{"participant of no room", "POST", "livekit.RoomService/GetParticipant", inJSON, able, `{"room":"room","identity":"a"}`, 404, "not_found", "room does not exist"},
		{"RPC without a destination", "POST", "livekit.RoomService/PerformRpc", inJSON, able, `{"room":"room"}`, 400, "invalid_argument", "destination identity"},
		{"RPC with a large payload", "POST", "livekit.RoomService/PerformRpc", inJSON, able, `{"room":"room","destinationIdentity":"a","payload":"` + long[:16<<10] + `"}`, 400, "malformed", "too large"},
		{"move to the same room", "POST", "livekit.RoomService/MoveParticipant", inJSON, able, `{"room":"room","identity":"a","destinationRoom":"room"}`, 400, "invalid_argument", "same as source"},
		{"forward to the same room", "POST", "livekit.RoomService/ForwardParticipant", inJSON, able, `{"room":"room","identity":"a","destinationRoom":"room"}`, 400, "invalid_argument", "same as source"},
		{"egress of no room", "POST", "livekit.Egress/StartRoomCompositeEgress", inJSON, able, `{"roomName":"room"}`, 404, "not_found", "room does not exist"},
		{"egress of a web page", "POST", "livekit.Egress/StartWebEgress", inJSON, able, `{"url":"https://example.org"}`, 501, "unimplemented", "recording"},
		{"stop no egress", "POST", "livekit.Egress/StopEgress", inJSON, able, `{"egressId":"EG_x"}`, 404, "not_found", "egress does not exist"},
		{"ingress without an identity", "POST", "livekit.Ingress/CreateIngress", inJSON, able, `{"roomName":"room"}`, 400, "invalid_argument", "identity"},
		{"ingress", "POST", "livekit.Ingress/CreateIngress", inJSON, able, `{"participantIdentity":"a"}`, 501, "unimplemented", "ingress"},
		{"delete no ingress", "POST", "livekit.Ingress/DeleteIngress", inJSON, able, `{"ingressId":"IN_x"}`, 404, "not_found", "ingress does not exist"},
		{"update no ingress", "POST", "livekit.Ingress/UpdateIngress", inJSON, able, `{"ingressId":"IN_x"}`, 404, "not_found", "ingress does not exist"},
		{"telephony", "POST", "livekit.SIP/CreateSIPParticipant", inJSON, able, `{}`, 501, "unimplemented", "telephony"},
		{"dispatch without a room", "POST", "livekit.AgentDispatchService/CreateDispatch", inJSON, able, `{"agent_name":"bot"}`, 401, "unauthenticated", "permissions denied"},
		{"dispatch with an invalid deployment", "POST", "livekit.AgentDispatchService/CreateDispatch", inJSON, able, `{"room":"room","deployment":"a_b"}`, 400, "invalid_argument", "letters, digits"},
		{"dispatch with long metadata", "POST", "livekit.AgentDispatchService/CreateDispatch", inJSON, able, `{"room":"room","metadata":"` + long + `"}`, 400, "invalid_argument", "metadata has"},
		{"dispatches of no room", "POST", "livekit.AgentDispatchService/ListDispatch", inJSON, able, `{"room":"room"}`, 404, "not_found", "room does not exist"},
		{"room with an agent of a long name", "POST", "livekit.RoomService/CreateRoom", inJSON, able, `{"name":"a","agents":[{"agentName":"` + long[:300] + `"}]}`, 400, "invalid_argument", "name has 300"},
		{"dispatch of no room", "POST", "livekit.AgentDispatchService/DeleteDispatch", inJSON, able, `{"room":"room","dispatch_id":"AD_x"}`, 404, "not_found", "room does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.send(tt.method, "/twirp/"+tt.path, tt.contentType, tt.token, []byte(tt.body))
			code, msg := a.twirpError(t)
			if a.status != tt.status || code != tt.code || !strings.Contains(msg, tt.says) {
				t.Errorf("%d %s %q, want %d %s with %q", a.status, code, msg, tt.status, tt.code, tt.says)
			}
			if tt.token != "" && bytes.Contains(a.body, []byte(tt.token)) {
				t.Error("the answer repeats the token")
			}
		})
	}
}

// The list methods of features that the server does not implement return empty lists.
func TestAPIListsOfMissingFeaturesAreEmpty(t *testing.T) {
	s := newServer(t)
	able := s.tokenWith("", allGrants("room", ""))
	if _, err := s.rooms.CreateRoom(t.Context(), &livekit.CreateRoomRequest{Name: "room"}); err != nil {
		t.Fatal(err)
	}
	for path, field := range map[string]string{
		"livekit.Egress/ListEgress":        "items",
		"livekit.Ingress/ListIngress":      "items",
		"livekit.SIP/ListSIPTrunk":         "items",
		"livekit.SIP/ListSIPInboundTrunk":  "items",
		"livekit.SIP/ListSIPOutboundTrunk": "items",
		"livekit.SIP/ListSIPDispatchRule":  "items",
	} {
		a := s.send(http.MethodPost, "/twirp/"+path, inJSON, able, []byte(`{"room":"room"}`))
		var got map[string]any
		if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusOK {
			t.Errorf("%s: %d %s %v", path, a.status, a.body, err)
		}
		if list, ok := got[field].([]any); !ok || len(list) != 0 {
			t.Errorf("%s: %s is %v, want an empty list", path, field, got[field])
		}
	}
}

// Pages of other sites may call the API if they have a token.
func TestAPIPreflightAllowsAnyOrigin(t *testing.T) {
	s := newServer(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.URL()+"/twirp/livekit.RoomService/ListRooms", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
	resp, err := s.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	h := resp.Header
	if resp.StatusCode != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != "*" ||
		h.Get("Access-Control-Allow-Headers") != "authorization,content-type" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("%d %v", resp.StatusCode, h)
	}
}

package server_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/client"
	"meet/test/harness"
)

// Both /validate and the WebSocket upgrade answer with the status and the reason.
func TestRefusedJoinGetsStatusAndReason(t *testing.T) {
	s := newServer(t)
	// These tokens are signed here, because package token refuses to create invalid ones.
	mint := func(change func(claims, video jwt.MapClaims)) string {
		video := jwt.MapClaims{"roomJoin": true, "room": "room"}
		claims := jwt.MapClaims{"iss": "devkey", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "video": video}
		change(claims, video)
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	tests := []struct {
		name, path, token string
		status            int
		says              string
	}{
		{"no token", "/rtc", "", 401, "token"},
		{"not a token", "/rtc", "nonsense", 401, "not valid"},
		{"foreign key", "/rtc", mint(func(c, _ jwt.MapClaims) { c["iss"] = "otherkey" }), 401, "API key"},
		{"expired", "/rtc", mint(func(c, _ jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() }), 401, "expired"},
		{"no expiry", "/rtc", mint(func(c, _ jwt.MapClaims) { delete(c, "exp") }), 401, "not valid"},
		{"no roomJoin grant", "/rtc", mint(func(_, v jwt.MapClaims) { delete(v, "roomJoin") }), 401, "no permissions to access the room"},
		{"no room", "/rtc", mint(func(_, v jwt.MapClaims) { delete(v, "room") }), 400, "no room name"},
		{"no identity", "/rtc", mint(func(c, _ jwt.MapClaims) { delete(c, "sub") }), 400, "identity"},
		{"room name too long", "/rtc", mint(func(_, v jwt.MapClaims) { v["room"] = strings.Repeat("r", 257) }), 400, "longer than 256 bytes"},
		{"room with a forbidden character", "/rtc", mint(func(_, v jwt.MapClaims) { v["room"] = "\u202eabc" }), 400, "characters that cannot be shown"},
		{"invisible room name", "/rtc", mint(func(_, v jwt.MapClaims) { v["room"] = "\u200b" }), 400, "no character that can be seen"},
		{"invisible identity", "/rtc", mint(func(c, _ jwt.MapClaims) { c["sub"] = "\u3164" }), 400, "no character that can be seen"},
		{"control character", "/rtc", mint(func(c, _ jwt.MapClaims) { c["sub"] = "a\x00b" }), 400, "control character"},
		{"display name too long", "/rtc", mint(func(c, _ jwt.MapClaims) { c["name"] = strings.Repeat("n", 5000) }), 400, "at most 256"},
		{"metadata too long", "/rtc", mint(func(c, _ jwt.MapClaims) { c["metadata"] = strings.Repeat("m", 513<<10) }), 400, "metadata"},
		{"v1 without a join request", "/rtc/v1", s.token("ada"), 400, "join_request is missing"},
		{"broken join request", "/rtc/v1?join_request=%21", s.token("ada"), 400, "not a valid join request"},
		{"publish-only without canPublish", "/rtc?publish=screen", mint(func(_, v jwt.MapClaims) { v["canPublish"] = false }), 401, "does not allow publishing"},
		{"broken attributes", "/rtc?attributes=%21", s.token("ada"), 400, "attributes"},
		{
			"attributes without canUpdateOwnMetadata", "/rtc?attributes=" + base64.URLEncoding.EncodeToString([]byte(`{"a":"b"}`)),
			mint(func(_, _ jwt.MapClaims) {}), 401, "does not allow",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, query, _ := strings.Cut(tt.path, "?")
			header := http.Header{}
			if tt.token != "" {
				header.Set("Authorization", "Bearer "+tt.token)
			}
			validate, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path+"/validate?"+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			validate.Header = header
			res, err := http.DefaultClient.Do(validate)
			if err != nil {
				t.Fatal(err)
			}
			checkRefusal(t, "validate", res, tt.status, tt.says, tt.token)
			if res.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a page of another site cannot read this error")
			}
			_, res, err = websocket.DefaultDialer.DialContext(t.Context(), s.SocketURL()+path+"?"+query, header)
			if err == nil {
				t.Fatal("the upgrade was accepted")
			}
			checkRefusal(t, "upgrade", res, tt.status, tt.says, tt.token)
		})
	}
	http.DefaultClient.CloseIdleConnections()
}

// checkRefusal checks that a response has the given status, and that its body contains the text says but not the token
// secret.
func checkRefusal(t *testing.T, route string, res *http.Response, status int, says, secret string) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status || !strings.Contains(string(body), says) {
		t.Errorf("%s: %d %q, want %d and %q in it", route, res.StatusCode, body, status, says)
	}
	if secret != "" && strings.Contains(string(body), secret) {
		t.Errorf("%s: the response contains the token", route)
	}
}

func TestInvalidSignallingRequestGetsExpectedHTTPStatus(t *testing.T) {
	s := newServer(t)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/rtc/nope", 404},
		{http.MethodGet, "/rtc/v1/validate/more", 404},
		{http.MethodGet, "/rtc?access_token=" + s.token("ada"), 404}, // not an upgrade; livekit-client takes 404 as "service not found"
		{http.MethodPut, "/rtc", 405},
		{http.MethodPost, "/rtc/v1/validate", 405},
		{http.MethodOptions, "/rtc/validate", 204},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL()+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, tt.method+" "+tt.path, res, tt.status, "", "")
	}
	http.DefaultClient.CloseIdleConnections()
}

// The sender receives the close status, and other participants are not affected.
func TestInvalidFrameDisconnectsOnlyItsSender(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada, bo := s.join(ctx, "ada", client.Options{}), s.join(ctx, "bo", client.Options{})
	mic, _ := ada.publishBoth(ctx)
	harness.Eventually(ctx, t, "bo hears ada", func() bool { return bo.receives(mic.SID(), 5) })
	tests := []struct {
		name   string
		kind   int
		frame  []byte
		status int
	}{
		{"random bytes", websocket.BinaryMessage, []byte{0xff, 0x01, 0x02, 0x99, 0x80}, websocket.CloseInvalidFramePayloadData},
		{"broken JSON", websocket.TextMessage, []byte(`{"offer":`), websocket.CloseInvalidFramePayloadData},
		{"a frame over the limit", websocket.BinaryMessage, make([]byte, 2<<20), websocket.CloseMessageTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ws, _, err := websocket.DefaultDialer.DialContext(ctx, s.SocketURL()+"/rtc?protocol=17", http.Header{"Authorization": {"Bearer " + s.token("mallory")}})
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			err = ws.WriteMessage(tt.kind, tt.frame)
			for err == nil {
				_, _, err = ws.ReadMessage()
			}
			// A client whose connection closes while it is sending may get a network error instead of the close status.
			cut := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
			if !websocket.IsCloseError(err, tt.status) && (!cut || tt.status != websocket.CloseMessageTooBig) {
				t.Errorf("the socket ended with %v, want status %d", err, tt.status)
			}
		})
	}
	before := bo.packetCount(mic.SID())
	harness.Eventually(ctx, t, "bo still hears ada", func() bool { return bo.packetCount(mic.SID()) > before+20 })
	harness.Eventually(ctx, t, "mallory is gone", func() bool { return bo.RemoteParticipant("mallory") == nil })
}

// Old clients share screens over a second, publish-only connection of the same identity.
func TestPublishOnlyConnectionJoinsUnderItsOwnIdentityAndCannotSubscribe(t *testing.T) {
	s := newServer(t)
	raw := s.token("ada")
	ada, err := client.Join(t.Context(), s.SocketURL(), raw, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ada.Close() })
	header := http.Header{"Authorization": {"Bearer " + raw}}
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), s.SocketURL()+"/rtc?protocol=9&publish=screen", header)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer res.Body.Close()
	_, frame, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	first := &livekit.SignalResponse{}
	if err := proto.Unmarshal(frame, first); err != nil {
		t.Fatal(err)
	}
	p := first.GetJoin().GetParticipant()
	if p.GetIdentity() != "ada#screen" || p.GetPermission().GetCanSubscribe() || !p.GetPermission().GetCanPublish() || first.GetJoin().SubscriberPrimary {
		t.Errorf("joined as %v", p)
	}
}

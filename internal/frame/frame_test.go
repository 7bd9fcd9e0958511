package frame_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"meet/internal/frame"
)

// Read must return ErrMalformed for a frame that cannot be decoded, but not for a connection that fails.
func TestReadDecodesProtobufAndJSON(t *testing.T) {
	sent := &livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Type: "offer", Sdp: strings.Repeat("v", 100_000)}}}
	unknown := protowire.AppendBytes(protowire.AppendTag(nil, 5000, protowire.BytesType), []byte("x"))
	many := strings.Repeat(`{},`, 100_000)
	for _, tt := range []struct {
		name string
		kind int
		raw  []byte
		err  error
	}{
		{"protobuf", websocket.BinaryMessage, encoded(t, websocket.BinaryMessage, sent), nil},
		{"JSON", websocket.TextMessage, encoded(t, websocket.TextMessage, sent), nil},
		{"protobuf with an unknown field", websocket.BinaryMessage, append(encoded(t, websocket.BinaryMessage, sent), unknown...), nil},
		{"JSON in a binary frame", websocket.BinaryMessage, encoded(t, websocket.TextMessage, sent), frame.ErrMalformed},
		{"garbage in a text frame", websocket.TextMessage, []byte("{"), frame.ErrMalformed},
		{"JSON with too many values", websocket.TextMessage, []byte(`{"x":[` + many), frame.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := &livekit.SignalRequest{}
			kind, err := frame.Read(socket(t, tt.kind, tt.raw), got)
			if kind != tt.kind || !errors.Is(err, tt.err) {
				t.Fatalf("kind %d, %v; want kind %d, %v", kind, err, tt.kind, tt.err)
			}
			if err == nil && !proto.Equal(got, sent) {
				t.Errorf("got %v", got)
			}
		})
	}
	ws := socket(t, websocket.BinaryMessage, nil)
	if _, err := frame.Read(ws, &livekit.SignalRequest{}); err != nil {
		t.Errorf("an empty message: %v", err)
	}
	_ = ws.Close()
	if _, err := frame.Read(ws, &livekit.SignalRequest{}); err == nil || errors.Is(err, frame.ErrMalformed) {
		t.Errorf("a closed socket: %v", err)
	}
}

// encoded returns m as the payload of a frame of type kind.
func encoded(t *testing.T, kind int, m proto.Message) []byte {
	t.Helper()
	raw, err := frame.Encode(kind, m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// socket returns the client end of a WebSocket on which the server sends one frame.
func socket(t *testing.T, kind int, raw []byte) *websocket.Conn {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = ws.Close() }()
		if err := ws.WriteMessage(kind, raw); err != nil {
			t.Error(err)
		}
		_, _, _ = ws.ReadMessage() // until the client closes
	}))
	t.Cleanup(s.Close)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	return ws
}

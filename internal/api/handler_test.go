package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"

	"meet/internal/agent"
	"meet/internal/api"
	"meet/internal/rtc"
	"meet/internal/token"
	"meet/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newHandler returns the API of a server without rooms.
func newHandler(t testing.TB) http.Handler {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	media, err := wire.New(conn, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := rtc.New(wire.NewUDPMux(media), rtc.Options{Log: slog.New(slog.DiscardHandler), ServerInfo: &livekit.ServerInfo{}})
	if err != nil {
		t.Fatal(err)
	}
	keys := token.Keys{"devkey": "secret"}
	agents := agent.New(keys, agent.Options{})
	t.Cleanup(func() {
		agents.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := rooms.Close(ctx); err != nil {
			t.Errorf("rooms did not close: %v", err)
		}
	})
	return api.New(rooms, agents, token.NewVerifier(keys), api.Options{})
}

// bearer returns a token with the given grant.
func bearer(t testing.TB, g token.VideoGrant) string {
	t.Helper()
	jwt, err := token.New("devkey", "secret").SetIdentity("ada").SetVideoGrant(g).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return jwt
}

// decodeError returns the code and message of an error response. It fails the test if the response is not in
// LiveKit's format.
func decodeError(t testing.TB, w *httptest.ResponseRecorder) (code, msg string) {
	t.Helper()
	var e struct{ Code, Msg string }
	form := w.Header().Get("Content-Type")
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || form != "application/json" || e.Code == "" || e.Msg == "" {
		t.Errorf("%d %q %s is not an error in LiveKit's format", w.Code, form, w.Body)
	}
	return e.Code, e.Msg
}

package signal_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"

	"meet/internal/rtc"
	"meet/internal/signal"
	"meet/internal/token"
	"meet/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Clients retry after status 503.
func TestJoinAfterServerHasClosedItsRoomsGetsStatus503(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	media, err := wire.New(conn, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	rooms, err := rtc.New(wire.NewUDPMux(media), rtc.Options{Log: log, ServerInfo: &livekit.ServerInfo{Version: "1.13.5", Protocol: 17}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := rooms.Close(ctx); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(signal.New(rooms, token.NewVerifier(token.Keys{"devkey": "secret"}), log))
	defer web.Close()
	jwt, err := token.New("devkey", "secret").SetIdentity("bo").SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: "room"}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	_, res, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(web.URL, "http")+"/rtc?protocol=17", http.Header{"Authorization": {"Bearer " + jwt}})
	if err == nil || res == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v, %v; want 503", res, err)
	}
}

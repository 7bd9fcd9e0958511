package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"meet/internal/config"
	"meet/test/harness"
)

func TestBytesOfRequestBodiesInMemoryAreLimited(t *testing.T) {
	const largest, perAddress = 4 << 20, 32 << 20
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	raw := devToken(t)
	var open []net.Conn
	for range perAddress / largest { // bodies whose last byte is missing
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		open = append(open, conn)
		if _, err := fmt.Fprintf(conn, "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", raw, largest); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(bytes.Repeat([]byte(" "), largest-1)); err != nil {
			t.Fatal(err)
		}
	}
	list := func(client string) (*http.Response, string) {
		return s.requestVia(client, "POST", "/twirp/livekit.RoomService/ListRooms", raw, strings.NewReader(strings.Repeat(" ", 1000)+"{}"))
	}
	var resp *http.Response
	var text string
	harness.Eventually(ctx, t, "one more body is refused", func() bool {
		resp, text = list("192.0.2.1")
		return resp.StatusCode != http.StatusOK
	})
	wantRetry(t, resp, text, `"code":"resource_exhausted"`)
	resp, text = s.requestVia("192.0.2.1", "POST", "/token", "", strings.NewReader(`{"roomName":"blue","participantName":"Ada"}`))
	wantRetry(t, resp, text, "too much data")
	if resp, text := list("192.0.2.2"); resp.StatusCode != http.StatusOK {
		t.Errorf("another client: %s %s", resp.Status, text)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	harness.Eventually(ctx, t, "the client may send bodies again", func() bool {
		resp, _ = list("192.0.2.1")
		return resp.StatusCode == http.StatusOK
	})
}

package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"meet/internal/api"
	"meet/internal/token"
)

// Whoever lacks a grant is refused before the body is read, and so before anything of it is decoded.
func TestRefusalNeedsNoBody(t *testing.T) {
	s := newServer(t, api.Options{})
	for who, jwt := range map[string]string{
		"without a token": "", "with a token to join": s.token("ada", token.VideoGrant{RoomJoin: true, Room: "room"}),
	} {
		for _, path := range methods() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: meet\r\nContent-Type: %s\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\n\r\n", path, inProtobuf, 4<<20, jwt)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil) // the body never comes
			if err != nil {
				t.Fatalf("%s %s: %v", path, who, err)
			}
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s: %d", path, who, resp.StatusCode)
			}
			_ = conn.Close()
		}
	}
}

// A small request does not become a large number of objects.
func TestRequestsHoldBoundedObjects(t *testing.T) {
	s := newServer(t, api.Options{})
	able := s.token("", everything("room", "room"))
	for form, body := range map[string][]byte{
		inProtobuf: append([]byte("\x0a\x01a"), bytes.Repeat([]byte{0x72, 0x00}, 2_097_142)...),
		inJSON:     []byte(`{"name":"a","agents":[` + strings.Repeat("{},", 1_000_000) + `{}]}`),
	} {
		a := s.send(http.MethodPost, "/twirp/livekit.RoomService/CreateRoom", form, able, body)
		if code, msg := a.failure(t); a.status != http.StatusBadRequest || code != "malformed" || !strings.Contains(msg, "too many values") {
			t.Errorf("%s: %d %s %q", form, a.status, code, msg)
		}
	}
}

// A body that does not arrive is given up.
func TestBodiesHaveADeadline(t *testing.T) {
	t.Parallel()
	s := newServer(t, api.Options{})
	able := s.token("", everything("room", "room"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = fmt.Fprintf(conn, "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: meet\r\nContent-Type: %s\r\nContent-Length: 100\r\nAuthorization: Bearer %s\r\n\r\n{", inJSON, able)
	answer, err := io.ReadAll(conn) // until the server closes the connection
	if err != nil || !strings.Contains(string(answer), " 400 ") {
		t.Errorf("%q, %v", answer, err)
	}
}

package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meet/internal/token"
	"meet/test/harness"
)

// serve starts a server with the API and returns its host and port.
func serve(t *testing.T) (address string) {
	t.Helper()
	web := httptest.NewServer(newHandler(t))
	t.Cleanup(web.Close)
	return strings.TrimPrefix(web.URL, "http://")
}

func TestRequestWithoutGrantIsRefusedBeforeBodyIsRead(t *testing.T) {
	address := serve(t)
	for who, jwt := range map[string]string{
		"without a token": "", "with a token to join": bearer(t, token.VideoGrant{RoomJoin: true, Room: "room"}),
	} {
		for _, path := range harness.APIPaths() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: meet\r\nContent-Type: %s\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\n\r\n", path, "application/protobuf", 4<<20, jwt)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil) // the body is never sent
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

// A small request must not decode to a large number of objects.
func TestRequestWithTooManyValuesIsRefused(t *testing.T) {
	handler := newHandler(t)
	jwt := bearer(t, token.VideoGrant{RoomCreate: true, RoomList: true})
	for form, body := range map[string][]byte{
		"application/protobuf": append([]byte("\x0a\x01a"), bytes.Repeat([]byte{0x72, 0x00}, 2_097_142)...),
		"application/json":     []byte(`{"name":"a","agents":[` + strings.Repeat("{},", 1_000_000) + `{}]}`),
	} {
		r := httptest.NewRequest(http.MethodPost, "/twirp/livekit.RoomService/CreateRoom", bytes.NewReader(body))
		r.Header = http.Header{"Content-Type": {form}, "Authorization": {"Bearer " + jwt}}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if code, msg := decodeError(t, w); w.Code != http.StatusBadRequest || code != "malformed" || !strings.Contains(msg, "too many values") {
			t.Errorf("%s: %d %s %q", form, w.Code, code, msg)
		}
	}
}

func TestRequestWithUnfinishedBodyTimesOut(t *testing.T) {
	t.Parallel()
	address := serve(t)
	jwt := bearer(t, token.VideoGrant{RoomCreate: true, RoomList: true})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = fmt.Fprintf(conn, "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: meet\r\nContent-Type: %s\r\nContent-Length: 100\r\nAuthorization: Bearer %s\r\n\r\n{", "application/json", jwt)
	answer, err := io.ReadAll(conn) // until the server closes the connection
	if err != nil || !strings.Contains(string(answer), " 400 ") {
		t.Errorf("%q, %v", answer, err)
	}
}

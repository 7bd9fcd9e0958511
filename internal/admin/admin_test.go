package admin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/admin"
	"meet/internal/token"
)

const (
	key    = "APItest"
	secret = "a-secret-that-is-long-enough-for-hs256"
)

func TestServerAddressBecomesHTTPAndWebSocketURLUnlessInvalid(t *testing.T) {
	for _, tc := range []struct{ given, http, socket string }{
		{"http://localhost:8080", "http://localhost:8080", "ws://localhost:8080"},
		{"ws://localhost:8080/", "http://localhost:8080", "ws://localhost:8080"},
		{"wss://live.example.org", "https://live.example.org", "wss://live.example.org"},
		{"https://example.org/meet//", "https://example.org/meet", "wss://example.org/meet"},
		{"http://[::1]:9000", "http://[::1]:9000", "ws://[::1]:9000"},
		{"", "", ""},
		{"localhost:8080", "", ""},
		{"ftp://example.org", "", ""},
		{"http://", "", ""},
		{"http://:8080", "", ""},
		{"http://user:password@example.org", "", ""},
		{"http://example.org?a=b", "", ""},
		{"http://example.org#a", "", ""},
		{"http://example.org:port", "", ""},
	} {
		h, errHTTP := admin.HTTPAddress(tc.given)
		s, errSocket := admin.SocketAddress(tc.given)
		if h != tc.http || s != tc.socket || (errHTTP != nil) != (tc.http == "") || (errSocket != nil) != (tc.http == "") {
			t.Errorf("%q: %q (%v), %q (%v); want %q, %q", tc.given, h, errHTTP, s, errSocket, tc.http, tc.socket)
		}
	}
	if _, err := admin.New("nowhere", key, secret); !errors.Is(err, admin.ErrAddress) {
		t.Errorf("New: %v, want ErrAddress", err)
	}
}

// The server may be LiveKit, a proxy in front of it, or something else.
func TestFailedAPICallReturnsErrorKindAndOneSentence(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		kind   error
		says   string
	}{
		{"refused by Meet", func(w http.ResponseWriter, _ *http.Request) {
			livekit.WriteError(w, twirp.NewError(twirp.Unauthenticated, "permissions denied"))
		}, admin.ErrRefused, "refuses the API key APItest: permissions denied"},
		{"refused by LiveKit's middleware", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte("invalid API key")) // an error would fail the test's assertions
		}, admin.ErrRefused, "refuses the API key APItest: invalid API key"},
		{"refused with an HTML page", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(strings.Repeat("<p>", 1000)))
		}, admin.ErrRefused, "refuses the API key APItest: Error from intermediary"},
		{"unknown room", func(w http.ResponseWriter, _ *http.Request) {
			livekit.WriteError(w, twirp.NotFoundError("requested room does not exist"))
		}, admin.ErrNotFound, "requested room does not exist"},
		{"unknown path", http.NotFound, admin.ErrNotLiveKit, "is not a LiveKit server: it answered an API call with status 404"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, admin.ErrNotLiveKit, "status 302"},
		{"HTML page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, admin.ErrNotLiveKit, "its response cannot be read"},
		{"unknown method", func(w http.ResponseWriter, _ *http.Request) {
			livekit.WriteError(w, twirp.NewError(twirp.BadRoute, "no such method"))
		}, admin.ErrNotLiveKit, "does not support this call: no such method"},
		{"bad gateway", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, admin.ErrNotLiveKit, "status 502"},
		{"internal error", func(w http.ResponseWriter, _ *http.Request) {
			livekit.WriteError(w, twirp.NewError(twirp.Internal, "something went wrong (ABCDEFGH)"))
		}, nil, "something went wrong (ABCDEFGH)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			c := connect(t, server.URL)
			_, err := c.ListRooms(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want one sentence with %q", err, tc.says)
			}
			for _, kind := range []error{admin.ErrRefused, admin.ErrNotFound, admin.ErrNotLiveKit, admin.ErrUnreachable} {
				if got := errors.Is(err, kind); got != (kind == tc.kind) {
					t.Errorf("%v is %v: %v", err, kind, got)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Error("the secret is shown")
			}
		})
	}
}

func TestAPICallWithoutServerReturnsErrUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := connect(t, server.URL).ListRooms(t.Context())
	if !errors.Is(err, admin.ErrUnreachable) || !strings.Contains(err.Error(), server.URL) {
		t.Errorf("%v, want ErrUnreachable and the address", err)
	}
}

func TestServerTimeoutReturnsErrUnreachable(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"without a response": func(http.ResponseWriter) {},
		"after the response header": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/protobuf")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush() // an error would fail the test's assertions
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // the server notices a disconnect only after reading the body
				begin(w)
				<-r.Context().Done()
			}))
			defer server.Close()
			_, err := connect(t, server.URL).ListRooms(ctx)
			if !errors.Is(err, admin.ErrUnreachable) || !strings.Contains(err.Error(), "in time") {
				t.Errorf("%v, want ErrUnreachable that mentions the timeout", err)
			}
		})
	}
}

// A token may be intercepted on an unencrypted connection, so it must not grant more than one call needs.
func TestTokenGrantsOnlyTheAPICallItIsMadeFor(t *testing.T) {
	var seen token.VideoGrant
	var lasts time.Duration
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, err := token.NewVerifier(token.Keys{key: secret}).Verify(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
			return
		}
		seen, lasts = *g.Video, time.Until(g.ExpiresAt)
		w.Header().Set("Content-Type", "application/protobuf") // an empty message of any type
	}))
	defer server.Close()
	c := connect(t, server.URL)
	ctx := t.Context()
	for name, tc := range map[string]struct {
		call func() error
		want token.VideoGrant
	}{
		"create": {func() error { _, err := c.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: "r"}); return err }, token.VideoGrant{RoomCreate: true}},
		"list":   {func() error { _, err := c.ListRooms(ctx); return err }, token.VideoGrant{RoomList: true}},
		"delete": {func() error { _, err := c.DeleteRoom(ctx, "r"); return err }, token.VideoGrant{RoomCreate: true}},
		"find":   {func() error { _, err := c.Participant(ctx, "r", "i"); return err }, token.VideoGrant{RoomAdmin: true, Room: "r"}},
		"mute":   {func() error { _, err := c.Mute(ctx, "r", "i", "TR_x", true); return err }, token.VideoGrant{RoomAdmin: true, Room: "r"}},
		"remove": {func() error { _, err := c.RemoveParticipant(ctx, "r", "i", time.Time{}); return err }, token.VideoGrant{RoomAdmin: true, Room: "r"}},
	} {
		if err := tc.call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if seen.RoomCreate != tc.want.RoomCreate || seen.RoomList != tc.want.RoomList || seen.RoomAdmin != tc.want.RoomAdmin || seen.Room != tc.want.Room || seen.RoomJoin {
			t.Errorf("%s: granted %+v, want %+v", name, seen, tc.want)
		}
		if lasts > 10*time.Minute {
			t.Errorf("%s: the token lasts %v", name, lasts)
		}
	}
}

// connect returns a client for the server at address.
func connect(t *testing.T, address string) *admin.Client {
	t.Helper()
	c, err := admin.New(address, key, secret)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

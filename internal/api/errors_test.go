package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/fault"
)

// The server logs the error with the same ID that the client receives.
func TestInternalErrorsShowOnlyAnID(t *testing.T) {
	for name, method := range map[string]twirp.Method{
		"unmarked": func(context.Context, any) (any, error) { return "half", errors.New("disk 7 is on fire") },
		"marked":   func(context.Context, any) (any, error) { return nil, fault.New(fault.Internal, "disk 7 is on fire") },
		"panic":    func(context.Context, any) (any, error) { panic("disk 7 is on fire") },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			resp, err := errorInterceptor(slog.New(slog.NewTextHandler(&log, nil)))(method)(t.Context(), nil)
			e, ok := errors.AsType[twirp.Error](err)
			if !ok || resp != nil || e.Code() != twirp.Internal {
				t.Fatalf("%v, %v", resp, err)
			}
			sent := regexp.MustCompile(`^something went wrong \((\w+)\)$`).FindStringSubmatch(e.Msg())
			if sent == nil || !strings.Contains(log.String(), "id="+sent[1]) || !strings.Contains(log.String(), "disk 7 is on fire") {
				t.Errorf("sent %q, logged %s", e.Msg(), log.String())
			}
		})
	}
}

func TestFaultKindsMapToTwirpCodes(t *testing.T) {
	for kind, want := range map[fault.Kind]twirp.ErrorCode{
		fault.Invalid: twirp.InvalidArgument, fault.Unauthenticated: twirp.Unauthenticated, fault.Denied: twirp.PermissionDenied,
		fault.NotFound: twirp.NotFound, fault.Conflict: twirp.AlreadyExists, fault.Exhausted: twirp.ResourceExhausted,
		fault.Unavailable: twirp.Unavailable,
	} {
		if e := translate(fmt.Errorf("do it: %w", fault.New(kind, "public"))); e.Code() != want || e.Msg() != "public" {
			t.Errorf("%v: %v", kind, e)
		}
	}
	if e := translate(fmt.Errorf("ask: %w", context.Canceled)); e.Code() != twirp.Canceled {
		t.Errorf("a cancelled call is translated as %v", e)
	}
}

// limitedRooms is a RoomService that has reached a limit.
type limitedRooms struct{ livekit.RoomService }

func (limitedRooms) ListRooms(context.Context, *livekit.ListRoomsRequest) (*livekit.ListRoomsResponse, error) {
	return nil, fmt.Errorf("list: %w", fault.After(fault.New(fault.Exhausted, "too many rooms"), 9500*time.Millisecond))
}

func TestErrorAboutALimitHasTheTimeUntilRetry(t *testing.T) {
	server := livekit.NewRoomServiceServer(limitedRooms{}, twirp.WithServerInterceptors(errorInterceptor(slog.New(slog.DiscardHandler))))
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/twirp/livekit.RoomService/ListRooms", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	server.ServeHTTP(w, r)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "10" || !strings.Contains(w.Body.String(), `"code":"resource_exhausted"`) {
		t.Errorf("%d, retry after %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
}

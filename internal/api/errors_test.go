package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

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

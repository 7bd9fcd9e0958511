package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"meet/internal/decode"
	"meet/internal/fault"
	"meet/internal/rtc"
	"meet/internal/token"
)

// Prefix is the URL path below which all services are.
const Prefix = "/twirp/"

const (
	// maxBody is the largest size of a request's body, in bytes. It is enough for 512 KiB of metadata in JSON even if
	// every byte is escaped as six bytes, and for the other fields.
	maxBody = 4 << 20
	// bodyTimeout limits how long a request's body may take to arrive.
	bodyTimeout = 10 * time.Second
)

var errTooManyValues = twirp.NewError(twirp.Malformed, "the request holds too many values")

// Options configures a Handler. The zero value is usable.
type Options struct {
	Log *slog.Logger
	// RemoteUnmute allows back ends to unmute tracks. Otherwise they can only mute, as in LiveKit by default.
	RemoteUnmute bool
}

// Handler serves POST /twirp/livekit.<Service>/<Method>.
type Handler struct {
	verifier *token.Verifier
	services map[string]http.Handler // by name
}

// New returns a Handler with all services.
func New(rooms *rtc.Rooms, agents Dispatcher, verifier *token.Verifier, o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	interceptors := twirp.WithServerInterceptors(errorInterceptor(o.Log), dropUnknown, normalizeRoomNames)
	h := &Handler{verifier: verifier, services: map[string]http.Handler{}}
	for _, s := range []livekit.TwirpServer{
		livekit.NewRoomServiceServer(&roomService{rooms: rooms, agents: agents, remoteUnmute: o.RemoteUnmute}, interceptors),
		livekit.NewEgressServer(&egressService{rooms: rooms}, interceptors),
		livekit.NewIngressServer(&ingressService{}, interceptors),
		livekit.NewSIPServer(&sipService{}, interceptors),
		livekit.NewAgentDispatchServiceServer(&dispatchService{rooms, agents}, interceptors),
	} {
		h.services[strings.Trim(strings.TrimPrefix(s.PathPrefix(), Prefix), "/")] = s
	}
	return h
}

// ServeHTTP serves one call. It sends all errors as Twirp's JSON, even if the request is protobuf, because clients expect
// that.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*") // on errors too, or pages could not read them
	w.Header().Set("Access-Control-Expose-Headers", "*")
	if r.Method == http.MethodOptions {
		answerPreflight(w, r)
		return
	}
	service, method, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	s, input := h.services[service], requestType(service, method)
	if s == nil || input == nil {
		livekit.WriteError(w, badRoute(r))
		return
	}
	ctx, cancel := withDeadline(r)
	defer cancel()
	ctx, err := h.authenticate(ctx, r)
	if err == nil {
		err = authorize(ctx, service, method)
	}
	if err == nil {
		err = readBody(w, r, input)
	}
	if err != nil {
		if seconds := fault.RetryAfter(err); seconds > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
		}
		livekit.WriteError(w, translate(err))
		return
	}
	s.ServeHTTP(w, r.WithContext(ctx))
}

// dropUnknown is a Twirp interceptor that removes unknown fields from requests. They would otherwise be relayed to
// participants unchecked.
func dropUnknown(next twirp.Method) twirp.Method {
	return func(ctx context.Context, req any) (any, error) {
		if m, ok := req.(proto.Message); ok {
			decode.DropUnknown(m)
		}
		return next(ctx, req)
	}
}

// requestType returns the type of a method's request, or nil if there is no such method.
func requestType(service, method string) protoreflect.MessageDescriptor {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil
	}
	s, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil
	}
	m := s.Methods().ByName(protoreflect.Name(method))
	if m == nil {
		return nil
	}
	return m.Input()
}

// readBody reads the body into memory. It returns an error if the body is too large or too slow, or would decode to
// too many values. The stubs decode it.
func readBody(w http.ResponseWriter, r *http.Request, input protoreflect.MessageDescriptor) error {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // fails only in tests, which have no connection
	var body bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= maxBody {
		body.Grow(int(n) + bytes.MinRead) // avoids growing in steps
	}
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		return bodyError(err)
	}
	check := func(raw []byte) error { return decode.CheckProto(raw, input) }
	form, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.EqualFold(strings.TrimSpace(form), "application/json") { // the same rule as in the stubs
		check = decode.CheckJSON
	}
	if errors.Is(check(body.Bytes()), decode.ErrTooManyValues) {
		return errTooManyValues
	}
	r.Body = io.NopCloser(&body) // the stubs return LiveKit's errors for malformed bodies
	return nil
}

// answerPreflight answers a browser's CORS preflight request. Every origin is allowed: access is granted by the token
// alone.
func answerPreflight(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		w.Header().Set("Access-Control-Allow-Headers", wanted)
	}
	w.Header().Set("Access-Control-Max-Age", "86400") // one day in seconds, as the reference server
	w.WriteHeader(http.StatusNoContent)
}

// withDeadline returns the request's context with the timeout of the header X-Twirp-Timeout-Ms, if there is one.
func withDeadline(r *http.Request) (context.Context, context.CancelFunc) {
	ms, err := strconv.ParseUint(r.Header.Get("X-Twirp-Timeout-Ms"), 10, 31) // 24 days at most
	if err != nil || ms == 0 {
		return context.WithCancel(r.Context())
	}
	return context.WithTimeout(r.Context(), time.Duration(ms)*time.Millisecond)
}

// bodyError returns the error for a body that could not be read.
func bodyError(err error) error {
	if fault.KindOf(err) == fault.Exhausted { // the bodies of all requests together are too large
		return err
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return twirp.NewError(twirp.Malformed, fmt.Sprintf("the request is larger than the %d bytes that are allowed", maxBody))
	}
	return twirp.NewError(twirp.Malformed, "the request could not be read")
}

// badRoute returns Twirp's error for an unknown service or method.
func badRoute(r *http.Request) error {
	return twirp.NewError(twirp.BadRoute, fmt.Sprintf("no handler for path %q", r.URL.Path)).
		WithMeta("twirp_invalid_route", r.Method+" "+r.URL.Path)
}

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

	"meet/internal/rtc"
	"meet/internal/token"
)

// Prefix is the path under which the services are.
const Prefix = "/twirp/"

// maxBody bounds a request in bytes: metadata of 512 KiB, every byte of it escaped in JSON, and what comes with it.
const maxBody = 4 << 20

// Options are what a Handler may be told.
type Options struct {
	Log *slog.Logger
	// RemoteUnmute lets back ends unmute people. Without it they can only mute, as with LiveKit.
	RemoteUnmute bool
}

// Handler serves /twirp/livekit.<Service>/<Method>.
type Handler struct {
	verifier *token.Verifier
	services map[string]http.Handler // by name
}

// New makes a Handler of all services.
func New(rooms *rtc.Rooms, agents Dispatcher, verifier *token.Verifier, o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	edge := twirp.WithServerInterceptors(translateErrors(o.Log))
	h := &Handler{verifier: verifier, services: map[string]http.Handler{}}
	for _, s := range []livekit.TwirpServer{
		livekit.NewRoomServiceServer(&roomService{rooms: rooms, agents: agents, remoteUnmute: o.RemoteUnmute}, edge),
		livekit.NewEgressServer(&egressService{rooms: rooms}, edge),
		livekit.NewIngressServer(&ingressService{}, edge),
		livekit.NewSIPServer(&sipService{}, edge),
		livekit.NewAgentDispatchServiceServer(&dispatchService{rooms, agents}, edge),
	} {
		h.services[strings.Trim(strings.TrimPrefix(s.PathPrefix(), Prefix), "/")] = s
	}
	return h
}

// ServeHTTP answers one call. Every error is Twirp's JSON, whatever the request's form: clients read nothing else.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*") // also on errors, or a browser could not read them
	w.Header().Set("Access-Control-Expose-Headers", "*")
	if r.Method == http.MethodOptions {
		allow(w, r)
		return
	}
	service, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	s := h.services[service]
	if s == nil {
		livekit.WriteError(w, badRoute(r))
		return
	}
	ctx, cancel := deadline(r)
	defer cancel()
	ctx, err := h.authenticate(ctx, r)
	if err != nil {
		livekit.WriteError(w, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		livekit.WriteError(w, bodyError(err))
		return
	}
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.ServeHTTP(w, r)
}

// allow answers a browser that asks whether its page may call: any may, the token is the right.
func allow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		w.Header().Set("Access-Control-Allow-Headers", wanted)
	}
	w.Header().Set("Access-Control-Max-Age", "86400") // seconds: a day, as the reference server
	w.WriteHeader(http.StatusNoContent)
}

// deadline shortens the request's life as the caller asks for in X-Twirp-Timeout-Ms.
func deadline(r *http.Request) (context.Context, context.CancelFunc) {
	ms, err := strconv.ParseUint(r.Header.Get("X-Twirp-Timeout-Ms"), 10, 31) // 24 days at most
	if err != nil || ms == 0 {
		return context.WithCancel(r.Context())
	}
	return context.WithTimeout(r.Context(), time.Duration(ms)*time.Millisecond)
}

func bodyError(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return twirp.NewError(twirp.Malformed, fmt.Sprintf("the request is larger than the %d bytes that are allowed", maxBody))
	}
	return twirp.NewError(twirp.Malformed, "the request could not be read")
}

func badRoute(r *http.Request) error {
	return twirp.NewError(twirp.BadRoute, fmt.Sprintf("no handler for path %q", r.URL.Path)).
		WithMeta("twirp_invalid_route", r.Method+" "+r.URL.Path)
}

package signal

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"meet/internal/proxy"
	"meet/internal/rtc"
	"meet/internal/token"
)

// Handler serves /rtc, /rtc/v1 and their validate siblings.
type Handler struct {
	rooms    *rtc.Rooms
	verifier *token.Verifier
	log      *slog.Logger
	upgrader websocket.Upgrader

	connections atomic.Int64

	malformed atomic.Int64 // frames since the last line about them
	loggedAt  atomic.Int64 // Unix seconds
}

// New makes a Handler that lets bearers of valid tokens into rooms.
func New(rooms *rtc.Rooms, verifier *token.Verifier, log *slog.Logger) *Handler {
	return &Handler{rooms: rooms, verifier: verifier, log: log, upgrader: websocket.Upgrader{
		// Any page may use a token it was given, as with LiveKit; the token is the right.
		CheckOrigin: func(*http.Request) bool { return true },
	}}
}

// ServeHTTP joins the bearer of the request's token. What is wrong with a request is told by its status and a sentence,
// before the upgrade.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, validate := strings.CutSuffix(strings.Trim(r.URL.Path, "/"), "/validate")
	w.Header().Set("Access-Control-Allow-Origin", "*") // also on errors, or a browser could not read them
	switch {
	case path != "rtc" && path != "rtc/v1":
		http.NotFound(w, r)
		return
	case r.Method == http.MethodOptions: // a browser asks whether it may send the token in a header
		w.Header().Set("Access-Control-Allow-Methods", "GET")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET, OPTIONS")
		http.Error(w, "only GET is answered here", http.StatusMethodNotAllowed)
		return
	}
	req, err := h.joinRequest(r, path == "rtc/v1")
	if err == nil && validate {
		err = h.rooms.Check(r.Context(), req)
	}
	switch {
	case err != nil:
		h.writeError(w, err)
	case validate:
		_, _ = w.Write([]byte("success"))
	case !websocket.IsWebSocketUpgrade(r):
		http.NotFound(w, r)
	default:
		h.join(w, r, req)
	}
}

func (h *Handler) joinRequest(r *http.Request, v1 bool) (rtc.JoinRequest, error) {
	raw, err := token.FromRequest(r.Header.Get("Authorization"), r.URL.Query().Get("access_token"))
	if err != nil {
		return rtc.JoinRequest{}, err
	}
	grants, err := h.verifier.Verify(raw)
	if err != nil {
		return rtc.JoinRequest{}, err
	}
	req, err := joinRequest(grants, r.URL.Query(), r.UserAgent(), v1)
	req.Loopback, req.RemoteIP = viaLoopback(r), proxy.ClientIP(r)
	return req, err
}

// overLoopback tells whether the client reached this server on a loopback address, so that media can too.
func viaLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	a, err := netip.ParseAddrPort(local.String())
	return err == nil && a.Addr().Unmap().IsLoopback()
}

func (h *Handler) join(w http.ResponseWriter, r *http.Request, req rtc.JoinRequest) {
	conn := newConn(h.log.With("room", req.Room, "participant", req.Identity))
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	session, err := h.rooms.Join(ctx, req, conn)
	cancel()
	if err != nil {
		h.writeError(w, err)
		return
	}
	ws, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil { // has been answered by the upgrader
		session.SignalLost()
		return
	}
	h.connections.Add(1)
	defer h.connections.Add(-1)
	conn.serve(ws, session, h.countMalformed)
}

// Connections is how many there are.
func (h *Handler) Connections() int { return int(h.connections.Load()) }

// malformedEvery is the least time between two lines about malformed frames, in seconds.
const malformedLogInterval = 10

// countMalformed counts frames that could not be read; one line tells of all since the last one.
func (h *Handler) countMalformed() {
	n, now, last := h.malformed.Add(1), time.Now().Unix(), h.loggedAt.Load()
	if now-last >= malformedLogInterval && h.loggedAt.CompareAndSwap(last, now) {
		h.malformed.Add(-n)
		h.log.Warn("malformed signalling frames were refused", "count", n)
	}
}

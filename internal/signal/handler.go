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

// Handler serves the paths /rtc, /rtc/v1, /rtc/validate and /rtc/v1/validate.
type Handler struct {
	rooms    *rtc.Rooms
	verifier *token.Verifier
	log      *slog.Logger
	upgrader websocket.Upgrader

	connections atomic.Int64

	malformed atomic.Int64 // malformed frames since the last log message about them
	loggedAt  atomic.Int64 // time of the last log message about malformed frames, in Unix seconds
}

// New returns a Handler for joining rooms with tokens that verifier accepts.
func New(rooms *rtc.Rooms, verifier *token.Verifier, log *slog.Logger) *Handler {
	return &Handler{rooms: rooms, verifier: verifier, log: log, upgrader: websocket.Upgrader{
		// Any origin is allowed, as in LiveKit: access is granted by the token alone.
		CheckOrigin: func(*http.Request) bool { return true },
	}}
}

// ServeHTTP adds a participant to the room of the request's token. If the join is refused, it responds with an HTTP status
// and a sentence instead of the WebSocket upgrade. The validate paths only check whether the join would be accepted.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, validate := strings.CutSuffix(strings.Trim(r.URL.Path, "/"), "/validate")
	w.Header().Set("Access-Control-Allow-Origin", "*") // on errors too, or pages could not read them
	switch {
	case path != "rtc" && path != "rtc/v1":
		http.NotFound(w, r)
		return
	case r.Method == http.MethodOptions: // a browser's CORS preflight request for the token's header
		w.Header().Set("Access-Control-Allow-Methods", "GET")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET, OPTIONS")
		http.Error(w, "only GET is allowed here", http.StatusMethodNotAllowed)
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

// joinRequest verifies the request's token and returns the join request. v1 is true if the path is /rtc/v1.
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
	req.Loopback, req.Host, req.TLSPort, req.RemoteIP = viaLoopback(r), proxy.Hostname(r), proxy.TLSPort(r), proxy.ClientIP(r)
	return req, err
}

// viaLoopback reports whether the client reached this server on a loopback address. Its media can then use such an address
// too.
func viaLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	a, err := netip.ParseAddrPort(local.String())
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// join joins the room and then upgrades the request and serves the connection.
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
	if err != nil { // the upgrader has sent the response
		session.SignalLost()
		return
	}
	h.connections.Add(1)
	defer h.connections.Add(-1)
	conn.serve(ws, session, h.countMalformed)
}

// Connections returns the number of open connections.
func (h *Handler) Connections() int { return int(h.connections.Load()) }

// malformedLogInterval is the minimum time between two log messages about malformed frames, in seconds.
const malformedLogInterval = 10

// countMalformed counts a malformed frame. At most once per malformedLogInterval it logs the number of frames since
// the last log message.
func (h *Handler) countMalformed() {
	n, now, last := h.malformed.Add(1), time.Now().Unix(), h.loggedAt.Load()
	if now-last >= malformedLogInterval && h.loggedAt.CompareAndSwap(last, now) {
		h.malformed.Add(-n)
		h.log.Warn("malformed signalling frames were refused", "count", n)
	}
}

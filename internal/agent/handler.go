package agent

import (
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"meet/internal/fault"
	"meet/internal/token"
)

// Handler serves /agent, the WebSocket of workers.
type Handler struct {
	dispatcher *Dispatcher
	verifier   *token.Verifier
	upgrader   websocket.Upgrader
}

// NewHandler returns a Handler that accepts worker tokens: those with the grant "agent" and without the grant
// "roomJoin". The token of a running agent has both and is refused: it is only for joining the job's room.
func NewHandler(d *Dispatcher, verifier *token.Verifier) *Handler {
	return &Handler{dispatcher: d, verifier: verifier, upgrader: websocket.Upgrader{
		// Any origin is allowed, as in LiveKit: access is granted by the token alone.
		CheckOrigin: func(*http.Request) bool { return true },
	}}
}

var errNotAgent = fault.New(fault.Unauthenticated, "permissions denied")

// ServeHTTP upgrades the request and serves the worker until its connection ends.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		http.NotFound(w, r)
		return
	}
	grants, err := h.authenticate(r)
	if err != nil {
		http.Error(w, fault.Public(err), http.StatusUnauthorized)
		return
	}
	ws, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has sent the response
	}
	wk := newWorker(ws, grants.Issuer)
	if err := h.dispatcher.addWorker(wk); err != nil {
		frame := websocket.FormatCloseMessage(websocket.CloseTryAgainLater, fault.Public(err))
		_ = ws.WriteControl(websocket.CloseMessage, frame, time.Now().Add(closeTimeout))
		_ = ws.Close()
		return
	}
	var writer sync.WaitGroup
	writer.Go(wk.writeLoop) // ends with the worker
	wk.readLoop(h.dispatcher)
	writer.Wait()
	h.dispatcher.removeWorker(wk)
}

// authenticate returns the grants of the request's token, or an error if it is not a worker token.
func (h *Handler) authenticate(r *http.Request) (*token.ClaimGrants, error) {
	raw, err := token.FromRequest(r.Header.Get("Authorization"), r.URL.Query().Get("access_token"))
	if err != nil {
		return nil, err
	}
	grants, err := h.verifier.Verify(raw)
	if err != nil {
		return nil, err
	}
	if v := grants.Video; v == nil || !v.Agent || v.RoomJoin || grants.Guest {
		return nil, errNotAgent
	}
	return grants, nil
}

package agent

import (
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"meet/internal/fault"
	"meet/internal/token"
)

// Handler serves /agent, the socket of workers.
type Handler struct {
	dispatcher *Dispatcher
	verifier   *token.Verifier
	upgrader   websocket.Upgrader
}

// NewHandler makes a Handler that lets in bearers of worker tokens: those with the grant "agent" that join no room. The
// token of an agent that does a job has that grant too, and is only for the job's room.
func NewHandler(d *Dispatcher, verifier *token.Verifier) *Handler {
	return &Handler{dispatcher: d, verifier: verifier, upgrader: websocket.Upgrader{
		// Any page may use a token it was given, as with LiveKit; the token is the right.
		CheckOrigin: func(*http.Request) bool { return true },
	}}
}

var errNotAgent = fault.New(fault.Unauthenticated, "permissions denied")

// ServeHTTP is one worker's stay.
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
		return // has been answered by the upgrader
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

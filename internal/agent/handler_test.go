package agent

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/token"
)

// TestRefused: without the grant, without registering, and with what cannot be read, nobody is a worker.
func TestRefused(t *testing.T) {
	g := newRig(t, 300*time.Millisecond)
	for name, h := range map[string]http.Header{
		"no token": nil, "no grant": bearing(t, token.VideoGrant{RoomList: true}), "garbage": {"Authorization": {"Bearer x"}},
	} {
		_, resp, err := websocket.DefaultDialer.Dial(g.url, h)
		if err == nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
	resp, err := http.Get("http" + strings.TrimPrefix(g.url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("no upgrade: %d", resp.StatusCode)
	}
	for name, act := range map[string]func(*hand){
		"silent": func(*hand) {},
		"pings only": func(h *hand) {
			h.say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Ping{Ping: &livekit.WorkerPing{}}})
		},
		"garbage":        func(h *hand) { _ = h.ws.WriteMessage(websocket.BinaryMessage, []byte{0xff, 0xff}) },
		"garbage text":   func(h *hand) { _ = h.ws.WriteMessage(websocket.TextMessage, []byte("{")) },
		"more than fits": func(h *hand) { _ = h.ws.WriteMessage(websocket.BinaryMessage, make([]byte, frameLimit+1)) },
	} {
		h := g.dial()
		act(h)
		if _, _, err := h.ws.ReadMessage(); err == nil {
			t.Errorf("%s: is still heard", name)
		}
	}
	h := g.hire(livekit.JobType_JT_ROOM, "") // the others harmed nobody
	h.ping()
}

// FuzzDecode: whatever a worker sends is an error or a message, and its handling harms nobody.
func FuzzDecode(f *testing.F) {
	register, _ := proto.Marshal(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Register{Register: &livekit.RegisterWorkerRequest{AgentName: "a"}}})
	update, _ := proto.Marshal(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateJob{UpdateJob: &livekit.UpdateJobStatus{JobId: "AJ_x"}}})
	f.Add(true, []byte(`{"availability":{"jobId":"AJ_x","available":true}}`))
	f.Add(true, []byte(`{"simulateJob":{"room":{"name":"blue"}}}`))
	f.Add(false, register)
	f.Add(false, update)
	f.Fuzz(func(t *testing.T, text bool, frame []byte) {
		kind := websocket.BinaryMessage
		if text {
			kind = websocket.TextMessage
		}
		m, err := decode(kind, frame)
		if err != nil {
			return
		}
		d := New(keys, Options{Patience: time.Millisecond})
		d.RoomStarted(blue, nil)
		w := newWorker(nil, "devkey")
		if err := d.enter(w); err != nil {
			t.Fatal(err)
		}
		d.handle(w, m)
		d.handle(w, m)
		d.leave(w)
		d.Close()
	})
}

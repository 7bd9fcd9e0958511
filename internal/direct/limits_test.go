package direct

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"meet/internal/ratelimit"
)

// askICEServers requests the ICE servers of a session for a client behind a proxy on this machine.
func askICEServers(h *Hub, client, session string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/direct/ice-servers?session="+session, nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("X-Forwarded-For", client)
	w := httptest.NewRecorder()
	h.ServeICEServers(w, r)
	return w
}

func TestGuessesOfSessionIDsAreLimited(t *testing.T) {
	h, url := newHub(t)
	a := connect(t, url)
	a.send(`"SessionNew"`)
	id := a.receiveText("SessionReady")
	guesses := 0
	for ; guesses < 5000; guesses++ {
		w := askICEServers(h, "192.0.2.1", fmt.Sprint("guess", guesses))
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "1" {
			break
		}
		if w.Code != http.StatusNotFound {
			t.Fatalf("guess %d: %d %s", guesses, w.Code, w.Body)
		}
	}
	if guesses < 1000 || guesses == 5000 {
		t.Errorf("%d guesses", guesses)
	}
	refused := 0
	for range 100 { // the bucket refills during the test
		if askICEServers(h, "192.0.2.1", id).Code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 || askICEServers(h, "192.0.2.2", id).Code != http.StatusOK {
		t.Errorf("%d requests for a real session were refused, and those of another client", refused)
	}
}

func TestMessagesThatGuessSessionIDsAreLimited(t *testing.T) {
	h, url := newHub(t)
	h.lookUps = ratelimit.NewLimiter(ratelimit.Rate{Burst: 7, PerSecond: 0.001}, ratelimit.Rate{})
	b, guesses := connect(t, url), 0
	for range 10 {
		b.send(`{"SessionJoin":"nonsense"}`)
		if answer := b.receive(); answer == `{"SessionJoinError":"nonsense"}` {
			guesses++
		} else if !strings.Contains(answer, "too many requests from this address") {
			t.Fatalf("received %s", answer)
		}
	}
	if guesses != 7-1 {
		t.Errorf("%d guesses were answered", guesses)
	}
	if _, response, err := websocket.DefaultDialer.Dial(url, nil); err == nil || response == nil || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
		t.Errorf("a new connection: %v, %v", response, err)
	}
}

func TestOneAddressCannotTakeAllDirectCalls(t *testing.T) {
	h, url := newHub(t)
	h.peerCount = ratelimit.NewCounter(ratelimit.Bounds{Total: 3, PerClient: 2, ErrTotal: errTooManyPeers, ErrPerClient: errTooManyPeersFromAddress})
	dial := func(client string) (*http.Response, error) {
		ws, response, err := websocket.DefaultDialer.Dial(url, http.Header{"X-Forwarded-For": {client}})
		if err == nil {
			t.Cleanup(func() { _ = ws.Close() })
		}
		return response, err
	}
	for i, step := range []struct {
		client string
		want   int
	}{
		{"192.0.2.1", 101},
		{"192.0.2.1", 101},
		{"192.0.2.1", http.StatusTooManyRequests},
		{"192.0.2.2", 101},
		{"192.0.2.3", http.StatusServiceUnavailable},
	} {
		response, err := dial(step.client)
		if response == nil || response.StatusCode != step.want {
			t.Errorf("step %d: %v, %v", i, response, err)
		} else if step.want == http.StatusTooManyRequests && response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}

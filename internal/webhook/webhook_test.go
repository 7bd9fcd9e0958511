package webhook_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"

	"meet/internal/store"
	"meet/internal/token"
	"meet/internal/webhook"
)

// receiver is an HTTP server that records the events it accepts.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	answer   func(e *livekit.WebhookEvent) int // returns the status of the response
	accepted []*livekit.WebhookEvent
	requests int
}

// newReceiver starts a receiver that accepts every event.
func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, answer: func(*livekit.WebhookEvent) int { return http.StatusOK }}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP checks a request's signature, as LiveKit's receivers do.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was killed and will send it again
	}
	e := &livekit.WebhookEvent{}
	if err := protojson.Unmarshal(body, e); err != nil {
		r.t.Errorf("body %q: %v", body, err)
	}
	grants, err := token.NewVerifier(token.Keys{"key": "secret"}).Verify(req.Header.Get("Authorization"))
	if sum := sha256.Sum256(body); err != nil || grants.SHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
		r.t.Errorf("the signature is wrong: %v", err)
	}
	if got := req.Header.Get("Content-Type"); got != "application/webhook+json" {
		r.t.Errorf("content type %q", got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	status := r.answer(e)
	if status == http.StatusOK {
		r.accepted = append(r.accepted, e)
	}
	w.WriteHeader(status)
}

// setAnswer sets the function that chooses the status of responses.
func (r *receiver) setAnswer(f func(*livekit.WebhookEvent) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// received returns the numbers of the events of a room that were accepted, in order.
func (r *receiver) received(room string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, e := range r.accepted {
		if e.Room.Name == room {
			all = append(all, e.Room.Metadata)
		}
	}
	return all
}

// endpoint returns the receiver as an Endpoint.
func (r *receiver) endpoint() webhook.Endpoint {
	return webhook.Endpoint{URL: r.URL + "/events", Key: "key", Secret: "secret"}
}

// open opens a store in dir and closes it after the test.
func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// start starts a Notifier with a short backoff and closes it after the test.
func start(t *testing.T, s *store.Store, o webhook.Options, endpoints ...webhook.Endpoint) *webhook.Notifier {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	if o.Backoff == nil {
		o.Backoff = func(int) time.Duration { return 10 * time.Millisecond }
	}
	n, err := webhook.New(t.Context(), s, endpoints, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	return n
}

// stop closes a Notifier.
func stop(t *testing.T, n *webhook.Notifier) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Error(err)
	}
}

// event returns an event of a room with a number.
func event(room string, number int) *livekit.WebhookEvent {
	return &livekit.WebhookEvent{Event: "room_started", Room: &livekit.Room{Name: room, Metadata: fmt.Sprint(number)}}
}

// numbers returns the numbers in [from, to) as strings.
func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// eventually polls until cond returns true, for at most 20 s.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("timed out before " + what)
		}
	}
}

// Each event must arrive exactly once at each receiver.
func TestEventsArriveInOrderDespiteFailures(t *testing.T) {
	one, other := newReceiver(t), newReceiver(t)
	one.setAnswer(func(*livekit.WebhookEvent) int {
		return []int{http.StatusOK, http.StatusServiceUnavailable, http.StatusTooManyRequests}[rand.IntN(3)]
	})
	n := start(t, open(t, t.TempDir()), webhook.Options{}, one.endpoint(), other.endpoint())
	const each = 20
	for i := range each {
		for room := range 5 {
			n.Notify(fmt.Sprint("room", room), event(fmt.Sprint("room", room), i))
		}
	}
	for room := range 5 {
		name := fmt.Sprint("room", room)
		for _, r := range []*receiver{one, other} {
			eventually(t, name, func() bool { return len(r.received(name)) >= each })
			if got := r.received(name); !slices.Equal(got, numbers(0, each)) {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}

// The receiver gets all events when it is back.
func TestDeadReceiverDoesNotDelayOtherReceivers(t *testing.T) {
	down, up := newReceiver(t), newReceiver(t)
	down.setAnswer(func(*livekit.WebhookEvent) int { return http.StatusBadGateway })
	n := start(t, open(t, t.TempDir()), webhook.Options{}, down.endpoint(), up.endpoint())
	for i := range 10 {
		n.Notify("room", event("room", i))
	}
	eventually(t, "the other receiver has all events", func() bool { return len(up.received("room")) == 10 })
	if got := down.received("room"); got != nil {
		t.Fatalf("a receiver that is down accepted %v", got)
	}
	down.setAnswer(func(*livekit.WebhookEvent) int { return http.StatusOK })
	eventually(t, "it catches up", func() bool { return slices.Equal(down.received("room"), numbers(0, 10)) })
}

func TestRestartDeliversUndeliveredEventsFirst(t *testing.T) {
	r, dir := newReceiver(t), t.TempDir()
	r.setAnswer(func(*livekit.WebhookEvent) int { return http.StatusInternalServerError })
	s := open(t, dir)
	n := start(t, s, webhook.Options{}, r.endpoint())
	for i := range 10 {
		n.Notify("room", event("room", i))
	}
	eventually(t, "the receiver gets requests", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.requests > 2 })
	stop(t, n)
	s.Close()
	r.setAnswer(func(*livekit.WebhookEvent) int { return http.StatusOK })
	n = start(t, open(t, dir), webhook.Options{}, r.endpoint())
	for i := range 10 {
		n.Notify("room", event("room", 10+i))
	}
	eventually(t, "all events arrive", func() bool { return len(r.received("room")) >= 20 })
	if got := r.received("room"); !slices.Equal(got, numbers(0, 20)) {
		t.Error(got)
	}
}

// The event of a request that is in progress must not be sent again after a restart.
func TestCloseWaitsForTheResponseToAPendingRequest(t *testing.T) {
	r, dir := newReceiver(t), t.TempDir()
	requested, closing := make(chan struct{}, 1), make(chan struct{})
	r.setAnswer(func(*livekit.WebhookEvent) int {
		requested <- struct{}{}
		<-closing
		time.Sleep(100 * time.Millisecond) // in Close or before it: the response must count in both cases
		return http.StatusOK
	})
	s := open(t, dir)
	n := start(t, s, webhook.Options{}, r.endpoint())
	n.Notify("room", event("room", 0))
	<-requested
	close(closing)
	stop(t, n)
	s.Close()
	r.setAnswer(func(*livekit.WebhookEvent) int { return http.StatusOK })
	n = start(t, open(t, dir), webhook.Options{}, r.endpoint())
	n.Notify("room", event("room", 1))
	eventually(t, "the next event arrives", func() bool { return slices.Contains(r.received("room"), "1") })
	if got := r.received("room"); !slices.Equal(got, numbers(0, 2)) {
		t.Error(got)
	}
}

// The events after a rejected one arrive once RejectionTimeout has passed.
func TestRejectedEventBecomesDeadLetter(t *testing.T) {
	r := newReceiver(t)
	r.setAnswer(func(e *livekit.WebhookEvent) int {
		if e.Room.Metadata == "1" {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	s := open(t, t.TempDir())
	n := start(t, s, webhook.Options{RejectionTimeout: 100 * time.Millisecond}, r.endpoint())
	for i := range 3 {
		n.Notify("room", event("room", i))
	}
	eventually(t, "the other events arrive", func() bool { return slices.Equal(r.received("room"), []string{"0", "2"}) })
	deadLetters, err := store.OpenQueue(t.Context(), s, "webhooks_aside", store.QueueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := deadLetters.Len(t.Context()); err != nil || got != 1 {
		t.Errorf("%d dead letters, %v", got, err)
	}
}

// The receiver gets later events when it is back.
func TestEventsNotDeliveredInTimeBecomeDeadLetters(t *testing.T) {
	down := newReceiver(t)
	down.setAnswer(func(*livekit.WebhookEvent) int { return http.StatusBadGateway })
	s := open(t, t.TempDir())
	n := start(t, s, webhook.Options{DeliveryTimeout: 300 * time.Millisecond}, down.endpoint())
	for i := range 3 {
		n.Notify("room", event("room", i))
	}
	eventually(t, "all events are dead letters", func() bool { return n.Stats(t.Context()) == webhook.Stats{DeadLetters: 3} })
	down.setAnswer(func(*livekit.WebhookEvent) int { return http.StatusOK })
	n.Notify("room", event("room", 3))
	eventually(t, "the new event arrives", func() bool { return slices.Equal(down.received("room"), []string{"3"}) })
}

// After an outage, a proxy may reject events with 404 until the receiver behind it has started.
func TestEventRejectedAfterOutageIsRetried(t *testing.T) {
	const limit = 200 * time.Millisecond
	r := newReceiver(t)
	began, refused := time.Now(), false
	r.setAnswer(func(*livekit.WebhookEvent) int {
		switch {
		case time.Since(began) < 2*limit:
			return http.StatusServiceUnavailable
		case !refused:
			refused = true
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	n := start(t, open(t, t.TempDir()), webhook.Options{RejectionTimeout: limit}, r.endpoint())
	n.Notify("room", event("room", 0))
	n.Notify("room", event("room", 1))
	eventually(t, "both events arrive", func() bool { return slices.Equal(r.received("room"), []string{"0", "1"}) })
}

// A signature is for one URL, so the signed request must not be sent to another URL.
func TestRedirectIsNotFollowed(t *testing.T) {
	other := newReceiver(t)
	var requested sync.WaitGroup
	requested.Add(1)
	once := sync.OnceFunc(requested.Done)
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, other.URL, http.StatusTemporaryRedirect)
		once()
	}))
	defer redirecting.Close()
	n := start(t, open(t, t.TempDir()), webhook.Options{}, webhook.Endpoint{URL: redirecting.URL, Key: "key", Secret: "secret"})
	n.Notify("room", event("room", 0))
	requested.Wait()
	stop(t, n)
	if got := other.received("room"); got != nil {
		t.Errorf("the other address got %v", got)
	}
}

func TestInvalidEndpointsAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	for _, url := range []string{"", "example.org/hook", "ftp://example.org", "http://", "http://a b"} {
		_, err := webhook.New(t.Context(), s, []webhook.Endpoint{{URL: url, Key: "key", Secret: "secret"}}, webhook.Options{Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), "want an address such as") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

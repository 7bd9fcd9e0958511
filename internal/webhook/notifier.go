package webhook

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"

	"meet/internal/store"
)

const (
	// defaultDeliveryTimeout is how long an event is sent again to a receiver that is unreachable or responds with a
	// server error.
	defaultDeliveryTimeout = 24 * time.Hour
	// defaultRejectionTimeout is how long an event is sent again to a receiver that rejects all events. It is short,
	// because an event that the receiver cannot process must not delay all others for a day. It is not zero, because
	// a receiver that is starting, or that is not fully configured yet, may reject events.
	defaultRejectionTimeout = 5 * time.Minute
	// queueRetention is how long the queue keeps events. It is a day longer than defaultDeliveryTimeout.
	// deadLetterRetention is how long dead letters are kept, so that an operator can inspect them.
	queueRetention, deadLetterRetention = 2 * defaultDeliveryTimeout, 30 * 24 * time.Hour
	maxQueue, maxDeadLetters            = 1 << 30, 64 << 20 // bytes; an event has about 1 kB
	// lanes is the number of lanes of each endpoint. An endpoint gets the events of different lanes in parallel. All
	// events of one room belong to the same lane.
	lanes = 8
	// maxUnstored bounds the number of events in memory that are not stored yet. It is reached only if the store accepts
	// nothing. Then the oldest events are dropped and counted.
	maxUnstored = 100_000
	// storeRetryDelay is the time between an error of the store and the next attempt to use it.
	storeRetryDelay = time.Second
	// closeGrace is how long a request in progress may continue after Close was called.
	closeGrace = time.Second
)

// Options configures a Notifier. The zero value is usable except for Log, which is required.
type Options struct {
	Log          *slog.Logger
	AllowPrivate bool // receivers' host names may resolve to private addresses
	// Backoff returns the delay after the given number of failed attempts. If nil, the delay doubles from one second
	// to a minute, with jitter.
	Backoff func(tries int) time.Duration
	// DeliveryTimeout is the age at which an event that the receiver has not accepted becomes a dead letter. The default
	// is 24 hours. An event becomes a dead letter earlier if the receiver has rejected all requests of the event's lane
	// for RejectionTimeout. The default is 5 minutes.
	DeliveryTimeout, RejectionTimeout time.Duration
}

// Notifier delivers events to all endpoints.
type Notifier struct {
	endpoints   []Endpoint
	queue       *store.Queue
	deadLetters *store.Queue
	client      *http.Client
	opts        Options

	stop      context.CancelFunc
	work      sync.WaitGroup // storeEvents and the lane readers
	storeDone chan struct{}  // closed when storeEvents has returned

	mu       sync.Mutex
	unstored []event
	dropped  int
	closed   bool
	wake     chan struct{} // wakes storeEvents; capacity 1
}

// event is an event that is not stored yet.
type event struct {
	lane, id string
	body     []byte
}

// New returns a Notifier and starts delivering, beginning with events that an earlier run has stored. It returns an
// error if an endpoint's URL or the store is unusable.
func New(ctx context.Context, s *store.Store, endpoints []Endpoint, o Options) (*Notifier, error) {
	var names []string
	for _, e := range endpoints {
		if err := e.validate(); err != nil {
			return nil, err
		}
		names = append(names, e.name())
	}
	if o.Backoff == nil {
		o.Backoff = backoff
	}
	if o.DeliveryTimeout == 0 {
		o.DeliveryTimeout = defaultDeliveryTimeout
	}
	if o.RejectionTimeout == 0 {
		o.RejectionTimeout = defaultRejectionTimeout
	}
	n := &Notifier{endpoints: endpoints, opts: o, client: newClient(o.AllowPrivate), storeDone: make(chan struct{}), wake: make(chan struct{}, 1)}
	var err error
	if n.queue, err = store.OpenQueue(ctx, s, "webhooks", store.QueueOptions{MaxAge: queueRetention, MaxBytes: maxQueue}); err != nil {
		return nil, err
	}
	if n.deadLetters, err = store.OpenQueue(ctx, s, "webhooks_aside", store.QueueOptions{MaxAge: deadLetterRetention, MaxBytes: maxDeadLetters}); err != nil {
		return nil, err
	}
	if err := n.queue.DeleteOtherReaders(ctx, names, laneNames()); err != nil {
		return nil, err
	}
	working, stop := context.WithCancel(context.Background())
	n.stop = stop
	for _, e := range endpoints {
		for _, lane := range laneNames() {
			r, err := n.queue.Reader(ctx, e.name(), lane)
			if err != nil {
				stop()
				n.work.Wait()
				return nil, err
			}
			n.work.Go(func() { n.deliverLane(working, e, r) }) // ends with Close
		}
	}
	n.work.Go(func() { n.storeEvents(working) }) // ends when all events are stored after Close was called, or when Close gives up
	return n, nil
}

// laneNames returns the names of all lanes.
func laneNames() []string {
	var names []string
	for i := range lanes {
		names = append(names, strconv.Itoa(i))
	}
	return names
}

// Notify queues an event of the named room for delivery and returns immediately. It sets the event's ID if it has
// none. Without endpoints it does nothing.
func (n *Notifier) Notify(room string, e *livekit.WebhookEvent) {
	if len(n.endpoints) == 0 {
		return
	}
	if e.Id == "" {
		e.Id = "EV_" + rand.Text()[:12]
	}
	body, err := protojson.Marshal(e)
	if err != nil {
		n.opts.Log.Error("a webhook event could not be encoded", "event", e.Event, "err", err)
		return
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(room)) // never fails (hash.Hash)
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	if len(n.unstored) >= maxUnstored {
		n.unstored = n.unstored[1:]
		n.dropped++
	}
	n.unstored = append(n.unstored, event{lane: strconv.Itoa(int(h.Sum32() % lanes)), id: e.Id, body: body})
	n.mu.Unlock()
	n.wakeUp()
}

// wakeUp makes storeEvents look for events.
func (n *Notifier) wakeUp() {
	select {
	case n.wake <- struct{}{}:
	default: // already woken
	}
}

// storeEvents moves events from memory to the store in order, until the Notifier is closed and no event is left.
func (n *Notifier) storeEvents(ctx context.Context) {
	defer close(n.storeDone)
	for range n.wake {
		for {
			n.mu.Lock()
			if len(n.unstored) == 0 {
				closed := n.closed
				n.mu.Unlock()
				if closed {
					return
				}
				break
			}
			e, dropped := n.unstored[0], n.dropped
			n.unstored, n.dropped = n.unstored[1:], 0
			n.mu.Unlock()
			if dropped > 0 {
				n.opts.Log.Error("webhook events were dropped because the store accepts none", "count", dropped)
			}
			if !n.storeEvent(ctx, e) {
				return
			}
		}
	}
}

// storeEvent stores one event and retries until it succeeds. If an attempt fails when the Notifier has been closed, it
// gives up and returns false.
func (n *Notifier) storeEvent(ctx context.Context, e event) bool {
	for try := 1; ; try++ {
		trying, cancel := context.WithTimeout(ctx, requestTimeout)
		err := n.queue.Put(trying, e.lane, e.id, e.body)
		cancel()
		if err == nil {
			return true
		}
		n.mu.Lock()
		closed, behind := n.closed, len(n.unstored)
		n.mu.Unlock()
		if closed {
			n.opts.Log.Error("webhook events are lost because the store accepts none", "first", e.id, "count", 1+behind, "err", err)
			return false
		}
		if try == 1 {
			n.opts.Log.Warn("a webhook event could not be stored; trying again", "err", err)
		}
		select {
		case <-time.After(storeRetryDelay):
		case <-ctx.Done(): // the next attempt fails, and closed is set
		}
	}
}

// lane is one of the parallel sequences in which an endpoint gets events. All events of a room belong to the same lane.
type lane struct {
	endpoint       Endpoint
	log            *slog.Logger
	rejectingSince time.Time // when the receiver began to reject every request; zero if the last one was not rejected
}

// deliverLane sends the events of one lane to one endpoint until ctx ends.
func (n *Notifier) deliverLane(ctx context.Context, e Endpoint, r *store.Reader) {
	l := &lane{endpoint: e, log: n.opts.Log.With("receiver", e.host())}
	for ctx.Err() == nil {
		err := r.Read(ctx, func(ctx context.Context, d store.Delivery) error { return n.deliverEvent(ctx, l, d) })
		if err != nil {
			l.log.Warn("the webhook queue could not be read; trying again", "err", err)
			select {
			case <-time.After(storeRetryDelay):
			case <-ctx.Done():
			}
		}
	}
}

// deliverEvent sends one event. It returns nil if the event is finished: accepted, or stored as a dead letter. It
// returns a store.Retry if the event must be sent again.
func (n *Notifier) deliverEvent(ctx context.Context, l *lane, d store.Delivery) error {
	e, log := l.endpoint, l.log
	// If the Notifier is closed during the request, the request may continue for closeGrace. If it fails, the event is
	// sent again after the next start.
	posting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(closeGrace, cancel) })()
	err := e.post(posting, n.client, d.Body)
	switch {
	case err == nil:
		l.rejectingSince = time.Time{}
		if d.Tries > 1 {
			log.Info("the webhook receiver accepts events again", "tries", d.Tries)
		}
		return nil
	case ctx.Err() != nil: // the Notifier is closing
		return store.Retry{}
	}
	pause, rejected := n.opts.Backoff(d.Tries), false
	var refused *statusError
	if errors.As(err, &refused) {
		pause, rejected = max(pause, min(refused.retryAfter, time.Hour)), refused.permanent()
	}
	switch {
	case !rejected:
		l.rejectingSince = time.Time{}
	case l.rejectingSince.IsZero():
		l.rejectingSince = time.Now()
	}
	age := time.Since(d.At)
	if age < n.opts.DeliveryTimeout && !(rejected && min(age, time.Since(l.rejectingSince)) >= n.opts.RejectionTimeout) {
		if d.Tries == 1 {
			log.Warn("the webhook receiver did not accept an event; trying again", "id", d.ID, "err", err)
		}
		return store.Retry{After: pause}
	}
	log.Error("a webhook event became a dead letter: the receiver did not accept it in time", "id", d.ID, "tries", d.Tries, "err", err)
	if err := n.deadLetters.Put(ctx, e.name(), d.ID+"/"+e.name(), d.Body); err != nil {
		return fmt.Errorf("store dead letter: %w", err)
	}
	return nil
}

// Close stores the events that are still in memory, stops delivering, and waits for the goroutines. If ctx ends
// first, it returns an error and the events in memory are lost. Stored events that were not delivered are delivered
// by the next Notifier on the same store.
func (n *Notifier) Close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.wakeUp()
	var err error
	select {
	case <-n.storeDone:
	case <-ctx.Done():
		err = fmt.Errorf("store webhook events: %w", ctx.Err())
	}
	n.stop()
	n.work.Wait()
	n.client.CloseIdleConnections()
	return err
}

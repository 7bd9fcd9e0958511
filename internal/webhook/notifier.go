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
	// defaultGiveUp is how long an event is offered to a receiver that does not answer or has a fault of its own.
	defaultDeliveryTimeout = 24 * time.Hour
	// defaultGiveUpRefused is how long to a receiver that does nothing but object: an event it cannot digest must not hold up
	// all others for a day, but a receiver that is being set up, or started after an outage, deserves a moment.
	defaultRejectionTimeout = 5 * time.Minute
	// The queue forgets events a day after every receiver should have them. Those put aside are kept for a month, to be
	// looked at.
	queueRetention, deadLetterRetention = 2 * defaultDeliveryTimeout, 30 * 24 * time.Hour
	maxQueue, maxDeadLetters            = 1 << 30, 64 << 20 // bytes; an event has about 1 kB
	// lanes is how many rooms' events are sent at a time to one receiver.
	lanes = 8
	// maxUnkept bounds the events in memory that wait for the disk. Only a disk that takes nothing fills it; then the
	// oldest are dropped and counted.
	maxUnstored = 100_000
	// keepAgain is the pause after the disk has refused an event.
	storeRetryDelay = time.Second
	// farewell is how long a request may go on once Close was called.
	closeGrace = time.Second
)

// Options tune a Notifier.
type Options struct {
	Log          *slog.Logger
	AllowPrivate bool // names of receivers may lead to private addresses
	// Backoff gives the pause after an attempt that failed; nil doubles it from one second to a minute, with jitter.
	Backoff func(tries int) time.Duration
	// How long an event is offered to a receiver before it is put aside: to one that is down, 24 h when 0, and to one that
	// objects to it, 5 min when 0.
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
	work      sync.WaitGroup // the keeping goroutine and the readers
	storeDone chan struct{}  // closed when the keeping goroutine has ended

	mu       sync.Mutex
	unstored []event
	dropped  int
	closed   bool
	wake     chan struct{} // capacity 1
}

// event waits for the disk.
type event struct {
	lane, id string
	body     []byte
}

// New starts delivering, first what an earlier run has left. Its errors name the endpoint that is wrong.
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
	n.work.Go(func() { n.storeEvents(working) }) // ends when Close was called and everything is on the disk, or with Close
	return n, nil
}

func laneNames() []string {
	var names []string
	for i := range lanes {
		names = append(names, strconv.Itoa(i))
	}
	return names
}

// Notify takes an event of the named room and returns at once. It fills in the event's id if there is none.
func (n *Notifier) Notify(room string, e *livekit.WebhookEvent) {
	if len(n.endpoints) == 0 {
		return
	}
	if e.Id == "" {
		e.Id = "EV_" + rand.Text()[:12]
	}
	body, err := protojson.Marshal(e)
	if err != nil {
		n.opts.Log.Error("event could not be encoded", "event", e.Event, "err", err)
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

func (n *Notifier) wakeUp() {
	select {
	case n.wake <- struct{}{}:
	default: // it is awake
	}
}

// keep writes events to the disk in order.
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
				n.opts.Log.Error("webhook events were dropped because the disk takes none", "count", dropped)
			}
			if !n.storeEvent(ctx, e) {
				return
			}
		}
	}
}

// put writes one event, however long it takes; false means that the Notifier is closing and it could not.
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
			n.opts.Log.Error("webhook events are lost: the disk took none of them", "first", e.id, "count", 1+behind, "err", err)
			return false
		}
		if try == 1 {
			n.opts.Log.Warn("a webhook event could not be kept; trying again", "err", err)
		}
		select {
		case <-time.After(storeRetryDelay):
		case <-ctx.Done(): // the next attempt fails, and closed is set
		}
	}
}

// lane is one reader of one endpoint.
type lane struct {
	endpoint       Endpoint
	log            *slog.Logger
	rejectingSince time.Time // since when its receiver does nothing but object; zero: it does not
}

// deliver sends a lane's events to one endpoint until ctx ends.
func (n *Notifier) deliverLane(ctx context.Context, e Endpoint, r *store.Reader) {
	l := &lane{endpoint: e, log: n.opts.Log.With("receiver", e.host())}
	for ctx.Err() == nil {
		err := r.Read(ctx, func(ctx context.Context, d store.Delivery) error { return n.deliverEvent(ctx, l, d) })
		if err != nil {
			l.log.Warn("webhook queue could not be read; trying again", "err", err)
			select {
			case <-time.After(storeRetryDelay):
			case <-ctx.Done():
			}
		}
	}
}

// offer sends one event and decides what becomes of it.
func (n *Notifier) deliverEvent(ctx context.Context, l *lane, d store.Delivery) error {
	e, log := l.endpoint, l.log
	// A request under way when we close gets a moment for its answer; without one it is made again at the next start.
	posting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(closeGrace, cancel) })()
	err := e.post(posting, n.client, d.Body)
	switch {
	case err == nil:
		l.rejectingSince = time.Time{}
		if d.Tries > 1 {
			log.Info("webhook receiver takes events again", "tries", d.Tries)
		}
		return nil
	case ctx.Err() != nil: // we are closing; it is not the receiver's fault
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
	old := time.Since(d.At)
	if old < n.opts.DeliveryTimeout && !(rejected && min(old, time.Since(l.rejectingSince)) >= n.opts.RejectionTimeout) {
		if d.Tries == 1 {
			log.Warn("webhook receiver did not take an event; trying again", "id", d.ID, "err", err)
		}
		return store.Retry{After: pause}
	}
	log.Error("webhook event put aside: the receiver did not take it in time", "id", d.ID, "tries", d.Tries, "err", err)
	if err := n.deadLetters.Put(ctx, e.name(), d.ID+"/"+e.name(), d.Body); err != nil {
		return fmt.Errorf("put event aside: %w", err)
	}
	return nil
}

// Close keeps what is not on the disk yet, stops delivering and waits. What was not delivered is when a Notifier starts
// on the same store.
func (n *Notifier) Close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.wakeUp()
	var err error
	select {
	case <-n.storeDone:
	case <-ctx.Done():
		err = fmt.Errorf("keep webhook events: %w", ctx.Err())
	}
	n.stop()
	n.work.Wait()
	n.client.CloseIdleConnections()
	return err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Queue is a persistent message queue, divided into lanes. Each reader receives all messages of a lane in order. It
// receives the next message when it has finished the one before, also after a restart.
type Queue struct {
	name   string
	store  *Store
	stream jetstream.Stream
}

// QueueOptions bounds what a queue stores.
type QueueOptions struct {
	MaxAge   time.Duration // older messages are deleted, read or not
	MaxBytes int64         // the oldest messages are deleted beyond it
}

// laneSubject returns the NATS subject of a lane's messages.
func (q *Queue) laneSubject(lane string) string { return q.name + "." + lane }

// OpenQueue opens the queue with this name, or creates it. Names consist of letters, digits, - and _.
func OpenQueue(ctx context.Context, s *Store, name string, o QueueOptions) (*Queue, error) {
	stream, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{name + ".*"}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxAge: o.MaxAge, MaxBytes: o.MaxBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", name, err)
	}
	return &Queue{name: name, store: s, stream: stream}, nil
}

// Put appends a message to a lane. When it returns nil, the message is on the disk. A second message with the same id
// within two minutes counts as a duplicate and is dropped.
func (q *Queue) Put(ctx context.Context, lane, id string, body []byte) error {
	m := &nats.Msg{Subject: q.laneSubject(lane), Data: body, Header: nats.Header{jetstream.MsgIDHeader: {id}}}
	q.store.writes.RLock()
	defer q.store.writes.RUnlock()
	if _, err := q.store.js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("append to queue %s: %w", q.name, err)
	}
	return nil
}

// Delivery is one message as a reader receives it.
type Delivery struct {
	ID    string
	Body  []byte
	At    time.Time // when it was put
	Tries int       // number of deliveries so far, including this one
}

// Retry is the error with which a reader's function requests that its message be delivered again after the given time.
// Later messages of the lane wait until then.
type Retry struct{ After time.Duration }

func (r Retry) Error() string { return fmt.Sprintf("deliver again after %v", r.After) }

// ackWait is how long a reader may take to process one message. After that NATS delivers the message again, since the
// process that read it has probably ended.
const ackWait = 15 * time.Second

// Reader is one reader of a lane. Its position is stored on the disk.
type Reader struct {
	queue    *Queue
	consumer jetstream.Consumer
}

// consumerNames returns the names of a reader's NATS consumers. A reader has one consumer, and two while it is being
// opened.
func consumerNames(name, lane string) [2]string {
	return [2]string{name + "_" + lane + "_a", name + "_" + lane + "_b"}
}

// Reader opens the reader with this name on a lane. Only one process may use it at a time. It continues after the last
// message that it finished. A new reader receives the messages put from now on.
//
// If an earlier process was killed while it processed a message, the reader receives that message again immediately.
// The NATS consumer that the earlier process used would deliver nothing until ackWait has passed. So Reader always
// replaces the consumer with a new one, which starts after the last acknowledged message.
func (q *Queue) Reader(ctx context.Context, name, lane string) (*Reader, error) {
	names := consumerNames(name, lane)
	config := jetstream.ConsumerConfig{
		Durable: names[0], FilterSubject: q.laneSubject(lane), DeliverPolicy: jetstream.DeliverNewPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 1, // 1 keeps the order
	}
	old, done, err := q.findConsumer(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("read queue %s: %w", q.name, err)
	}
	if old != "" {
		if config.Durable = names[0]; old == names[0] {
			config.Durable = names[1]
		}
		// A process that was killed while it replaced a consumer may have left two. The one deleted here has acknowledged at
		// least as many messages as old (see findConsumer), so no message is skipped.
		if err := q.stream.DeleteConsumer(ctx, config.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, fmt.Errorf("read queue %s: %w", q.name, err)
		}
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, done+1
	}
	consumer, err := q.stream.CreateConsumer(ctx, config)
	if err == nil && old != "" {
		err = q.stream.DeleteConsumer(ctx, old)
	}
	if err != nil {
		return nil, fmt.Errorf("read queue %s: %w", q.name, err)
	}
	return &Reader{q, consumer}, nil
}

// findConsumer returns the name of a reader's consumer, and the number of the last message that the consumer
// acknowledged. If there are two consumers, it chooses the one that has acknowledged less. It returns "" if there is
// none.
func (q *Queue) findConsumer(ctx context.Context, names [2]string) (old string, done uint64, err error) {
	for _, name := range names {
		c, err := q.stream.Consumer(ctx, name)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue
		}
		if err != nil {
			return "", 0, err
		}
		if floor := c.CachedInfo().AckFloor.Stream; old == "" || floor < done {
			old, done = name, floor
		}
	}
	if old == "" {
		return "", 0, nil
	}
	info, err := q.stream.Info(ctx)
	if err != nil {
		return "", 0, err
	}
	return old, min(done, info.State.LastSeq), nil
}

// Read calls f for each message, one after another, until ctx ends. A message is finished when f returns nil, and is
// delivered again when f returns a Retry. Any other error of f ends Read.
func (r *Reader) Read(ctx context.Context, f func(context.Context, Delivery) error) error {
	for ctx.Err() == nil {
		// Consumer.Messages is not used, because its iterator can pause for 30 s: if a message arrives before the iterator
		// has noted that its request was sent, it skips the request for the next message (checkPending in nats.go v1.55.0).
		m, err := r.consumer.Next(jetstream.FetchContext(ctx))
		if errors.Is(err, nats.ErrTimeout) || ctx.Err() != nil {
			continue
		}
		if err == nil {
			err = deliver(ctx, m, f)
		}
		if err != nil {
			return fmt.Errorf("read queue %s: %w", r.queue.name, err)
		}
	}
	return nil
}

// deliver calls f with a message and acknowledges the message, or requests another delivery.
func deliver(ctx context.Context, m jetstream.Msg, f func(context.Context, Delivery) error) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	err = f(ctx, Delivery{
		ID: m.Headers().Get(jetstream.MsgIDHeader), Body: m.Data(), At: meta.Timestamp, Tries: int(meta.NumDelivered),
	})
	var again Retry
	switch {
	case errors.As(err, &again):
		return m.NakWithDelay(again.After)
	case err != nil:
		return err
	}
	// DoubleAck waits for the server's reply, so that a process that starts now does not get a finished message again.
	return m.DoubleAck(context.WithoutCancel(ctx))
}

// DeleteOtherReaders deletes the positions of all readers except the given readers of the given lanes.
func (q *Queue) DeleteOtherReaders(ctx context.Context, readers, lanes []string) error {
	list := q.stream.ConsumerNames(ctx)
	var gone []string
	for name := range list.Name() {
		known := slices.ContainsFunc(readers, func(r string) bool {
			return slices.ContainsFunc(lanes, func(l string) bool {
				names := consumerNames(r, l)
				return slices.Contains(names[:], name)
			})
		})
		if !known {
			gone = append(gone, name)
		}
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("list the readers of queue %s: %w", q.name, err)
	}
	for _, name := range gone {
		if err := q.stream.DeleteConsumer(ctx, name); err != nil {
			return fmt.Errorf("delete a reader of queue %s: %w", q.name, err)
		}
	}
	return nil
}

// Len returns the number of messages in the queue.
func (q *Queue) Len(ctx context.Context) (int, error) {
	info, err := q.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("get the size of queue %s: %w", q.name, err)
	}
	return int(info.State.Msgs), nil
}

// Pending returns the number of messages that readers have not finished, summed over all readers.
func (q *Queue) Pending(ctx context.Context) (int, error) {
	list, pending := q.stream.ListConsumers(ctx), 0
	for c := range list.Info() {
		pending += int(c.NumPending) + c.NumAckPending
	}
	if err := list.Err(); err != nil {
		return 0, fmt.Errorf("list the readers of queue %s: %w", q.name, err)
	}
	return pending, nil
}

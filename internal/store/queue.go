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

// Queue is a list of messages on the disk, in lanes. Each reader gets every message of a lane in order, the next once it
// has done with the one before, also after a restart.
type Queue struct {
	name   string
	js     jetstream.JetStream
	stream jetstream.Stream
}

// QueueOptions bound what a queue keeps.
type QueueOptions struct {
	MaxAge   time.Duration // older messages are forgotten, whether they were read or not
	MaxBytes int64         // beyond it the oldest are
}

// laneSubject is where messages of a lane go; a reader's durable consumers are named after both.
func (q *Queue) laneSubject(lane string) string { return q.name + "." + lane }

// OpenQueue opens the queue of that name and makes it the first time. Names are made of letters, digits, - and _.
func OpenQueue(ctx context.Context, s *Store, name string, o QueueOptions) (*Queue, error) {
	stream, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{name + ".*"}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxAge: o.MaxAge, MaxBytes: o.MaxBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", name, err)
	}
	return &Queue{name: name, js: s.js, stream: stream}, nil
}

// Put appends a message to a lane; when it returns nil, the message is on the disk. A second one of the same id within
// two minutes is taken for a repetition and not kept.
func (q *Queue) Put(ctx context.Context, lane, id string, body []byte) error {
	m := &nats.Msg{Subject: q.laneSubject(lane), Data: body, Header: nats.Header{jetstream.MsgIDHeader: {id}}}
	if _, err := q.js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("append to queue %s: %w", q.name, err)
	}
	return nil
}

// Delivery is one message on its way to a reader.
type Delivery struct {
	ID    string
	Body  []byte
	At    time.Time // when it was put
	Tries int       // how often it has been delivered, this time included
}

// Retry, returned by a reader's function, has the message delivered again after that time. Those behind it wait.
type Retry struct{ After time.Duration }

func (r Retry) Error() string { return fmt.Sprintf("deliver again after %v", r.After) }

// ackWait is how long a reader may take over one message before it counts as lost with the process that read it.
const ackWait = 15 * time.Second

// Reader is one reader's place in a lane. It is remembered on the disk.
type Reader struct {
	queue    *Queue
	consumer jetstream.Consumer
}

// durables are the names of a reader's consumers, of which it has one, and two for a moment while it is opened.
func durables(name, lane string) [2]string {
	return [2]string{name + "_" + lane + "_a", name + "_" + lane + "_b"}
}

// Reader returns the named reader of a lane, which nobody else uses. It goes on behind the last message that it was done
// with; one that is new gets what is put from now on.
//
// What an earlier process had begun and was killed over is begun again at once: the consumer it used would hold that
// message back, and with it all behind, until ackWait is over. So a new one takes over where the old one's
// acknowledgements end.
func (q *Queue) Reader(ctx context.Context, name, lane string) (*Reader, error) {
	names := durables(name, lane)
	config := jetstream.ConsumerConfig{
		Durable: names[0], FilterSubject: q.laneSubject(lane), DeliverPolicy: jetstream.DeliverNewPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 1, // which keeps the order
	}
	old, done, err := q.lastRead(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("read queue %s: %w", q.name, err)
	}
	if old != "" {
		if config.Durable = names[0]; old == names[0] {
			config.Durable = names[1]
		}
		// Left behind by a process that was killed while it took over, and no further than the old one.
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

// lastRead finds a reader's consumer, "" if it has none, and the last message it was done with. Of two it is the one that
// has come less far.
func (q *Queue) lastRead(ctx context.Context, names [2]string) (old string, done uint64, err error) {
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

// Read calls f for each message, one after another, until ctx ends. When f returns nil the message is done with, after a
// Retry it comes again; any other error ends Read.
func (r *Reader) Read(ctx context.Context, f func(context.Context, Delivery) error) error {
	messages, err := r.consumer.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return fmt.Errorf("read queue %s: %w", r.queue.name, err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = deliver(ctx, m, f)
		}
		if err != nil {
			return fmt.Errorf("read queue %s: %w", r.queue.name, err)
		}
	}
}

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
	// Waits for the answer, so that what is done with is not delivered again by a process started in this moment.
	return m.DoubleAck(context.WithoutCancel(ctx))
}

// DeleteOtherReaders forgets how far readers not among these have come.
func (q *Queue) DeleteOtherReaders(ctx context.Context, readers, lanes []string) error {
	list := q.stream.ConsumerNames(ctx)
	var gone []string
	for name := range list.Name() {
		known := slices.ContainsFunc(readers, func(r string) bool {
			return slices.ContainsFunc(lanes, func(l string) bool {
				names := durables(r, l)
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
			return fmt.Errorf("forget a reader of queue %s: %w", q.name, err)
		}
	}
	return nil
}

// Len is how many messages the queue holds.
func (q *Queue) Len(ctx context.Context) (int, error) {
	info, err := q.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at queue %s: %w", q.name, err)
	}
	return int(info.State.Msgs), nil
}

// Pending is how many messages the readers have yet to be done with, summed over all of them.
func (q *Queue) Pending(ctx context.Context) (int, error) {
	list, pending := q.stream.ListConsumers(ctx), 0
	for c := range list.Info() {
		pending += int(c.NumPending) + c.NumAckPending
	}
	if err := list.Err(); err != nil {
		return 0, fmt.Errorf("look at the readers of queue %s: %w", q.name, err)
	}
	return pending, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"meet/internal/client"
)

// result is what one run measured.
type result struct {
	took           time.Duration
	packets, lost  uint64
	bytes          uint64
	server, own    time.Duration // CPU time while measuring
	idle, resident uint64        // bytes of the server's memory, before and while
	expected       float64       // packets a second
	subscribers    int
}

// String tells the result in words.
func (r result) String() string {
	var b strings.Builder
	rate := float64(r.packets) / r.took.Seconds()
	fmt.Fprintf(&b, "delivered   %.0f packets/s of %.0f, %.0f Mbit/s\n", rate, r.expected, float64(r.bytes)*8/1e6/r.took.Seconds())
	fmt.Fprintf(&b, "lost        %d of %d (%.4f %%)\n", r.lost, r.packets+r.lost, 100*float64(r.lost)/float64(max(1, r.packets+r.lost)))
	if r.server > 0 {
		fmt.Fprintf(&b, "server CPU  %.2f us per delivered packet, %.0f %% of a core\n",
			float64(r.server.Microseconds())/float64(max(1, r.packets)), 100*r.server.Seconds()/r.took.Seconds())
		fmt.Fprintf(&b, "server RSS  %.1f MB, %.1f MB before anyone joined, %.2f MB a subscriber\n",
			float64(r.resident)/1e6, float64(r.idle)/1e6, (float64(r.resident)-float64(r.idle))/1e6/float64(max(1, r.subscribers)))
	}
	fmt.Fprintf(&b, "own CPU     %.2f us per delivered packet\n", float64(r.own.Microseconds())/float64(max(1, r.packets)))
	return b.String()
}

func (p *plan) run(ctx context.Context, progress io.Writer) (res result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	var clients []*client.Client
	defer func() {
		cancel()
		sending.Wait()
		for _, c := range clients {
			err = errors.Join(err, c.Leave())
		}
	}()
	if res.idle, err = residentBytes(p.pid); err != nil {
		return res, err
	}
	for n := range p.publishers {
		pub, err := p.publisher(ctx, n)
		if pub != nil && pub.client != nil {
			clients = append(clients, pub.client)
		}
		if err != nil {
			return res, fmt.Errorf("publisher %d: %w", n, err)
		}
		sending.Go(func() { // ends with ctx
			if err := pub.send(ctx, p); err != nil {
				fmt.Fprintln(progress, "load: send:", err)
			}
		})
	}
	var subscribers []*subscriber
	for n := range p.subscribers {
		s, err := p.subscriber(ctx, n)
		if err != nil {
			return res, fmt.Errorf("subscriber %d: %w", n, err)
		}
		clients, subscribers = append(clients, s.client), append(subscribers, s)
	}
	if err := p.awaitTracks(ctx, subscribers); err != nil {
		return res, err
	}
	fmt.Fprintf(progress, "everybody is in; measuring for %s\n", p.measure)
	err = p.measureAll(ctx, subscribers, &res)
	return res, err
}

// awaitTracks waits until everybody receives every publisher.
func (p *plan) awaitTracks(ctx context.Context, subscribers []*subscriber) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for n, s := range subscribers {
		for tracks, _ := s.received(); tracks < p.publishers; tracks, _ = s.received() {
			if err := pause(ctx, 10*time.Millisecond); err != nil {
				return fmt.Errorf("subscriber %d receives %d of %d tracks: %w", n, tracks, p.publishers, err)
			}
		}
	}
	return nil
}

func (p *plan) measureAll(ctx context.Context, subscribers []*subscriber, res *result) error {
	if err := pause(ctx, p.warm); err != nil {
		return err
	}
	before, cpu, own, start := sum(subscribers), cpuTime(p.pid), cpuTime(0), time.Now()
	if err := pause(ctx, p.measure); err != nil {
		return err
	}
	res.took = time.Since(start)
	after := sum(subscribers)
	res.server, res.own = cpuTime(p.pid)-cpu, cpuTime(0)-own
	if p.pid == 0 {
		res.server = 0
	}
	res.packets, res.bytes, res.lost = after.Packets-before.Packets, after.Bytes-before.Bytes, after.Lost-before.Lost
	res.expected = float64(p.publishers * p.frames * p.burst * p.subscribers)
	res.subscribers = p.subscribers
	var err error
	res.resident, err = residentBytes(p.pid)
	return err
}

func sum(subscribers []*subscriber) (all client.Received) {
	for _, s := range subscribers {
		_, r := s.received()
		all.Packets += r.Packets
		all.Bytes += r.Bytes
		all.Lost += r.Lost
	}
	return all
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

package loadtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"meet/internal/client"
)

// Progress is the progress of a run.
type Progress struct {
	Stage        string // "joining", "settling" or "measuring"
	Done, Total  int    // participants, or while measuring seconds
	Packets      uint64 // received in the last second; only while measuring
	ExpectedRate float64
}

// run is the state of a run of a plan.
type run struct {
	*Plan
	progress func(Progress)
	sending  sync.WaitGroup // goroutines that send; they end with the run's context

	mu             sync.Mutex
	clients        []*client.Client
	subscribers    []*subscriber
	publisherJoins []time.Duration // duration of each publisher's join
}

// Run executes a plan and returns the measurements. At the end, all participants leave their rooms. Run calls
// progress several times, never concurrently.
func Run(ctx context.Context, p Plan, progress func(Progress)) (report Report, err error) {
	if err := p.Validate(); err != nil {
		return report, err
	}
	r := &run{Plan: &p, progress: progress}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		r.sending.Wait()
		err = errors.Join(err, leaveAll(r.clients))
	}()
	before, err := residentBytes(p.PID)
	if err != nil {
		return report, err
	}
	if err := r.joinAll(ctx); err != nil {
		return report, err
	}
	if err := r.settle(ctx); err != nil {
		return report, err
	}
	report, err = r.measure(ctx)
	report.MemoryBefore = before
	return report, err
}

// joinAll lets all participants join: first the publishers of all rooms, then the subscribers.
func (r *run) joinAll(ctx context.Context) error {
	var steps []func(context.Context) error
	for room := range r.Rooms {
		for n := range r.VideoPublishers + r.AudioPublishers {
			steps = append(steps, func(joinCtx context.Context) error { return r.joinPublisher(ctx, joinCtx, r.roomName(room), n) })
		}
	}
	for room := range r.Rooms {
		for n := range r.Subscribers {
			steps = append(steps, func(ctx context.Context) error { return r.joinSubscriber(ctx, r.roomName(room), n) })
		}
	}
	if r.JoinRate > 0 {
		return r.joinAtRate(ctx, steps)
	}
	for i, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
		r.progress(Progress{Stage: "joining", Done: i + 1, Total: len(steps)})
	}
	return nil
}

// joinAtRate runs the steps, each of which is a join. It starts JoinRate steps per second, without waiting for
// earlier ones to complete. The first error cancels the other steps.
func (r *run) joinAtRate(ctx context.Context, steps []func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var joining sync.WaitGroup // each ends with its join, or with ctx
	defer joining.Wait()
	tick := time.NewTicker(time.Duration(float64(time.Second) / r.JoinRate))
	defer tick.Stop()
	for i, step := range steps {
		joining.Go(func() {
			if err := step(ctx); err != nil {
				cancel(err)
			}
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		r.progress(Progress{Stage: "joining", Done: i + 1, Total: len(steps)})
	}
	joining.Wait()
	return context.Cause(ctx)
}

// joinPublisher joins as the publisher with number n in a room and sends media until ctx ends. The first
// VideoPublishers publishers send video, the others audio. joinCtx applies only to joining and publishing.
func (r *run) joinPublisher(ctx, joinCtx context.Context, room string, n int) error {
	raw, err := r.token(room, fmt.Sprint("publisher-", n), true)
	if err != nil {
		return err
	}
	o := r.clientOptions()
	o.NoAutoSubscribe = true // only subscribers should receive
	start := time.Now()
	c, err := client.Join(joinCtx, r.URL, raw, o)
	if err != nil {
		return fmt.Errorf("publisher %d of %s: %w", n, room, err)
	}
	r.mu.Lock()
	r.clients, r.publisherJoins = append(r.clients, c), append(r.publisherJoins, time.Since(start))
	r.mu.Unlock()
	if n < r.VideoPublishers {
		cam, err := r.publishVideo(joinCtx, c)
		if err != nil {
			return fmt.Errorf("publisher %d of %s: %w", n, room, err)
		}
		r.sending.Go(func() { cam.run(ctx, r.FrameRate) })
		return nil
	}
	mic, err := c.Publish(joinCtx, client.PublishOptions{Name: "microphone", MimeType: webrtc.MimeTypeOpus, DisableRED: true})
	if err != nil {
		return fmt.Errorf("publisher %d of %s: %w", n, room, err)
	}
	r.sending.Go(func() { sendAudio(ctx, mic) })
	return nil
}

// joinSubscriber joins as the subscriber with number n in a room.
func (r *run) joinSubscriber(ctx context.Context, room string, n int) error {
	s, err := r.subscribe(ctx, room, fmt.Sprint("subscriber-", n))
	if err != nil {
		return fmt.Errorf("subscriber %d of %s: %w", n, room, err)
	}
	r.mu.Lock()
	r.clients, r.subscribers = append(r.clients, s.client), append(r.subscribers, s)
	r.mu.Unlock()
	if !r.selectsTracks() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, trackTimeout)
	defer cancel()
	if err := s.selectTracks(ctx, r.Plan, n); err != nil {
		return fmt.Errorf("subscriber %d of %s: %w", n, room, err)
	}
	return nil
}

// trackTimeout is the longest time to wait for tracks.
const trackTimeout = 30 * time.Second

// settle waits until all subscribers receive all expected tracks, and then for the plan's Settle time.
func (r *run) settle(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, trackTimeout)
	defer cancel()
	want := len(r.subscribedQualities()) + r.AudioPublishers
	for n, s := range r.subscribers {
		for tracks, _ := s.totalStats(); tracks < want; tracks, _ = s.totalStats() {
			if err := pause(waiting, 10*time.Millisecond); err != nil {
				return fmt.Errorf("subscriber %d receives %d of %d tracks: %w", n, tracks, want, err)
			}
		}
	}
	r.progress(Progress{Stage: "settling", Done: len(r.clients), Total: len(r.clients)})
	return pause(ctx, r.Settle)
}

// measure counts packets for the plan's Duration.
func (r *run) measure(ctx context.Context) (Report, error) {
	for _, s := range r.subscribers {
		s.startMeasuring()
	}
	server, own, start := cpuTime(r.PID), cpuTime(0), time.Now()
	for lastTotal := uint64(0); time.Since(start) < r.Duration; {
		if err := pause(ctx, min(time.Second, r.Duration-time.Since(start))); err != nil {
			return Report{}, err
		}
		now := uint64(0)
		for _, s := range r.subscribers {
			now += s.measuredStats().Packets
		}
		seconds, all := int(time.Since(start).Seconds()), int(r.Duration.Seconds())
		r.progress(Progress{Stage: "measuring", Done: seconds, Total: all, Packets: now - lastTotal, ExpectedRate: r.expectedRate()})
		lastTotal = now
	}
	report := r.report(time.Since(start))
	report.OwnCPU = microsecondsPerPacket(cpuTime(0)-own, report.Packets)
	if r.PID == 0 {
		return report, nil
	}
	report.ServerCPU = microsecondsPerPacket(cpuTime(r.PID)-server, report.Packets)
	report.ServerCores = (cpuTime(r.PID) - server).Seconds() / report.Seconds
	var err error
	report.Memory, err = residentBytes(r.PID)
	return report, err
}

// leaveAll makes all clients leave concurrently. If thousands of clients left one after another, this would take
// minutes.
func leaveAll(clients []*client.Client) error {
	errs := make([]error, len(clients))
	var leaving sync.WaitGroup
	for i, c := range clients {
		leaving.Go(func() { errs[i] = c.Leave() }) // ends with the connection
	}
	leaving.Wait()
	return errors.Join(errs...)
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

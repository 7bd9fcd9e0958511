package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/internal/mediafile"
)

// stay is what goes on between joining and leaving.
type stay struct {
	join
	log    *journal
	client *client.Client
	failed chan error // what a recording failed with, the first alone

	frames, packets, bytes atomic.Uint64 // published, received

	self  string // our SID; hear alone uses it
	texts texts

	mu     sync.Mutex
	people map[string]*livekit.ParticipantInfo // the others by identity, as last told of; hear alone writes it
}

const (
	// joinTimeout is how long a server may take to let somebody in.
	joinTimeout = 20 * time.Second
	// progressInterval is how often it is told how much was sent and received, figuresInterval the same on a terminal.
	progressInterval, figuresInterval = 10 * time.Second, time.Second
)

func newStay(j join, w world) *stay {
	return &stay{join: j, log: newJournal(w, j.JSON), failed: make(chan error, 1), people: map[string]*livekit.ParticipantInfo{}}
}

func (s *stay) run(ctx context.Context, address, raw string, files []*mediafile.File) error {
	if err := s.enter(ctx, address, raw); err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C
		}
		return err
	}
	ctx, cancel := s.limit(ctx)
	defer cancel()
	played := make(chan error, 1)
	var playing sync.WaitGroup
	playing.Go(func() { played <- s.playAll(ctx, files) }) // ends with the files, or with ctx
	playing.Go(func() { s.watch(ctx) })                    // ends with ctx, or with the session
	err := s.wait(ctx, played, len(files) > 0 && !s.Stay)
	cancel()
	playing.Wait()
	err = errors.Join(err, s.client.Leave())
	s.log.figures("")
	s.log.event("left", "frames", s.frames.Load(), "packets", s.packets.Load(), "bytes", s.bytes.Load())
	if err == nil {
		err = s.failure() // of a recording's last words
	}
	return err
}

func (s *stay) enter(ctx context.Context, address, raw string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	s.log.hold() // who is there is told behind that we are
	c, err := client.Join(ctx, address, raw, client.Options{
		NoAutoSubscribe: !s.Subscribe, AutoResume: true, OnTrack: s.receive, OnSignal: s.hear, OnData: s.message,
		OnLeave: func(l *livekit.LeaveRequest) { s.log.event("told to leave", "reason", l.Reason.String()) },
	})
	if err != nil {
		return fmt.Errorf("%s does not let us in: %w", address, err)
	}
	s.client = c
	s.log.release("joined", "room", c.Room().GetName(), "identity", c.Participant().GetIdentity())
	return nil
}

// limit is ctx until the stay is over, at the latest after --duration.
func (s *stay) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Duration > 0 {
		return context.WithTimeout(ctx, s.Duration)
	}
	return context.WithCancel(ctx)
}

// wait returns when the stay is over.
func (s *stay) wait(ctx context.Context, played <-chan error, ends bool) error {
	every := progressInterval
	if s.log.terminal() {
		every = figuresInterval
	}
	progress := time.NewTicker(every)
	defer progress.Stop()
	bytes := uint64(0)
	for {
		select {
		case err := <-played:
			if err != nil || ends {
				return err
			}
			played = nil
		case err := <-s.failed:
			return err
		case <-progress.C:
			bytes = s.progress(every, bytes)
		case <-s.client.Done():
			return fmt.Errorf("the stay is over: %w", s.client.Err())
		case <-ctx.Done():
			return nil // Ctrl-C, or --duration
		}
	}
}

// watch tells when the connection is lost; that it is there again is heard.
func (s *stay) watch(ctx context.Context) {
	for s.client.Until(ctx, s.client.SignalLost) == nil {
		s.log.event("connection lost, trying again")
		if s.client.Until(ctx, func() bool { return !s.client.SignalLost() }) != nil {
			return
		}
	}
}

// progress tells how much was sent and received, and returns the bytes for the next time.
func (s *stay) progress(since time.Duration, before uint64) uint64 {
	frames, packets, bytes := s.frames.Load(), s.packets.Load(), s.bytes.Load()
	kilobits := float64(bytes-before) * 8 / 1000 / since.Seconds()
	if s.log.terminal() {
		s.log.figures("%s with %d others: %d frames sent, %d packets received, %.0f kbit/s; Ctrl-C leaves",
			span(time.Since(s.log.began)), len(s.client.RemoteParticipants()), frames, packets, kilobits)
	} else {
		s.log.event("progress", "frames", frames, "packets", packets, "bytes", bytes)
	}
	return bytes
}

// fail ends the stay with an error.
func (s *stay) fail(err error) {
	select {
	case s.failed <- err:
	default: // one is enough
	}
}

func (s *stay) failure() error {
	select {
	case err := <-s.failed:
		return err
	default:
		return nil
	}
}

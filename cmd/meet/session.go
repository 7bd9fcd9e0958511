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

// session is the state of "meet join" from joining a room to leaving it.
type session struct {
	join
	events       *eventPrinter
	client       *client.Client
	recordingErr chan error // first error of a recording

	frames, packets, bytes atomic.Uint64 // frames published; packets and bytes received

	self        string // our SID; used by onSignal only
	textStreams textStreams

	mu           sync.Mutex
	participants map[string]*livekit.ParticipantInfo // remote participants by identity, as last announced; only onSignal writes it
}

const (
	// joinTimeout is the longest time that joining may take.
	joinTimeout = 20 * time.Second
	// progressInterval is the interval between printed progress events. On a terminal, statusInterval is the interval
	// between updates of the status line.
	progressInterval, statusInterval = 10 * time.Second, time.Second
)

func newSession(flags join, env environment) *session {
	return &session{join: flags, events: newEventPrinter(env, flags.JSON), recordingErr: make(chan error, 1), participants: map[string]*livekit.ParticipantInfo{}}
}

// run joins the room, plays the files and waits until the session ends.
func (s *session) run(ctx context.Context, address, raw string, files []*mediafile.File) error {
	if err := s.joinRoom(ctx, address, raw); err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C
		}
		return err
	}
	ctx, cancel := s.withDuration(ctx)
	defer cancel()
	played := make(chan error, 1)
	var playing sync.WaitGroup
	playing.Go(func() { played <- s.playAll(ctx, files) }) // ends with the files, or with ctx
	playing.Go(func() { s.reportConnection(ctx) })         // ends with ctx, or with the session
	err := s.wait(ctx, played, len(files) > 0 && !s.Stay)
	cancel()
	playing.Wait()
	err = errors.Join(err, s.client.Leave())
	s.events.showStatus("")
	s.events.print("left", "frames", s.frames.Load(), "packets", s.packets.Load(), "bytes", s.bytes.Load())
	if err == nil {
		err = s.recordingError() // a recording may have failed while it was closed
	}
	return err
}

// joinRoom joins the room and prints the event.
func (s *session) joinRoom(ctx context.Context, address, raw string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	s.events.buffer() // print our own join before the participants that are already there
	c, err := client.Join(ctx, address, raw, client.Options{
		NoAutoSubscribe: !s.Subscribe, AutoResume: true, OnTrack: s.receive, OnSignal: s.onSignal, OnData: s.onData,
		OnLeave: func(l *livekit.LeaveRequest) { s.events.print("server ended the session", "reason", l.Reason.String()) },
	})
	if err != nil {
		return fmt.Errorf("join %s: %w", address, err)
	}
	s.client = c
	s.events.flush("joined", "room", c.Room().GetName(), "identity", c.Participant().GetIdentity())
	return nil
}

// withDuration returns a context that ends after --duration, if that is set.
func (s *session) withDuration(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Duration > 0 {
		return context.WithTimeout(ctx, s.Duration)
	}
	return context.WithCancel(ctx)
}

// wait returns when the session must end: when all files have ended and leaveAtEnd is set, after an error, when the
// server ends the session, or when ctx ends.
func (s *session) wait(ctx context.Context, played <-chan error, leaveAtEnd bool) error {
	every := progressInterval
	if s.events.hasStatusLine() {
		every = statusInterval
	}
	progress := time.NewTicker(every)
	defer progress.Stop()
	bytes := uint64(0)
	for {
		select {
		case err := <-played:
			if err != nil || leaveAtEnd {
				return err
			}
			played = nil
		case err := <-s.recordingErr:
			return err
		case <-progress.C:
			bytes = s.reportProgress(every, bytes)
		case <-s.client.Done():
			return fmt.Errorf("the session ended: %w", s.client.Err())
		case <-ctx.Done():
			return nil // Ctrl-C, or --duration has passed
		}
	}
}

// reportConnection prints when the connection is lost. onSignal prints when it is restored.
func (s *session) reportConnection(ctx context.Context) {
	for s.client.Until(ctx, s.client.SignalLost) == nil {
		s.events.print("connection lost, reconnecting")
		if s.client.Until(ctx, func() bool { return !s.client.SignalLost() }) != nil {
			return
		}
	}
}

// reportProgress prints how much was sent and received, and returns the number of bytes received so far.
// previousBytes is the number that the last call returned, and elapsed is the time since that call.
func (s *session) reportProgress(elapsed time.Duration, previousBytes uint64) uint64 {
	frames, packets, bytes := s.frames.Load(), s.packets.Load(), s.bytes.Load()
	kilobits := float64(bytes-previousBytes) * 8 / 1000 / elapsed.Seconds()
	if s.events.hasStatusLine() {
		s.events.showStatus("%s with %d others: %d frames sent, %d packets received, %.0f kbit/s; Ctrl-C leaves",
			formatDuration(time.Since(s.events.start)), len(s.client.RemoteParticipants()), frames, packets, kilobits)
	} else {
		s.events.print("progress", "frames", frames, "packets", packets, "bytes", bytes)
	}
	return bytes
}

// fail stores the error of a recording, which ends the session.
func (s *session) fail(err error) {
	select {
	case s.recordingErr <- err:
	default: // only the first error is reported
	}
}

// recordingError returns the error of a recording, or nil if there is none.
func (s *session) recordingError() error {
	select {
	case err := <-s.recordingErr:
		return err
	default:
		return nil
	}
}

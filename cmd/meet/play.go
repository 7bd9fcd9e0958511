package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meet/internal/client"
	"meet/internal/mediafile"
)

// player plays one file on one track.
type player struct {
	file             *mediafile.File
	track            *client.Publication
	position         time.Duration // how much of the file has been sent
	ended            bool          // all frames have been sent
	keyFrameRequests chan struct{} // key frame requests of subscribers; holds one
	lastKeyFrame     time.Time     // time at which the last key frame was sent
	// waitPrinted is set if it was printed, since the last key frame, that a viewer waits. earlyEndPrinted is set if
	// it was printed that the file ends early.
	waitPrinted, earlyEndPrinted bool
}

const (
	// maxStartDelay is the longest time that the first frames wait for subscribers. A subscription takes a few round
	// trips, and in a busy browser up to a second.
	maxStartDelay = 2 * time.Second
	// restartWindow is the time after the start in which the files restart if a subscriber has missed the first key
	// frame.
	restartWindow = 2 * time.Second
	// keyFrameInFlight is the time after sending a key frame in which key frame requests are ignored, because
	// subscribers sent them before the key frame arrived. It is about a round trip.
	keyFrameInFlight = 200 * time.Millisecond
)

// errRestart makes playOnce return so that all files restart.
var errRestart = errors.New("a subscriber missed the first key frame")

// playAll publishes the files and plays them until all have ended. They start at the same time, so that audio and
// video are synchronised. With --loop, all restart when the longest has ended.
func (s *session) playAll(ctx context.Context, files []*mediafile.File) error {
	if len(files) == 0 {
		return nil
	}
	players, err := s.publishAll(ctx, files)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.awaitSubscribers(ctx, players); err != nil {
		return err
	}
	start := time.Now()
	for restartDeadline := start.Add(restartWindow); ; {
		length, err := s.playOnce(ctx, players, start, restartDeadline)
		restart := errors.Is(err, errRestart)
		if restart { // frames being sent are cut short, but RTP timestamps must increase, by at least a millisecond
			length = min(length, time.Since(start)+time.Millisecond)
		}
		if ctx.Err() != nil || err != nil && !restart {
			return err
		}
		if !restart && !s.Loop {
			break
		}
		if err := rewind(players, length); err != nil {
			return err
		}
		start = start.Add(length)
	}
	for _, p := range players {
		if err := s.client.Unpublish(ctx, p.track); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// publishAll publishes a track for each file.
func (s *session) publishAll(ctx context.Context, files []*mediafile.File) (players []*player, err error) {
	for _, f := range files {
		p := &player{file: f, keyFrameRequests: make(chan struct{}, 1)}
		p.track, err = s.client.Publish(ctx, client.PublishOptions{
			Name: filepath.Base(f.Name()), MimeType: f.MimeType, Width: uint32(f.Width), Height: uint32(f.Height), Stereo: f.Stereo, DisableRED: true,
			OnKeyFrameRequest: func(int) {
				select {
				case p.keyFrameRequests <- struct{}{}:
				default: // a request is already waiting; one key frame answers both
				}
			},
		})
		if err != nil {
			return nil, err
		}
		s.events.print("published", "track", p.track.SID(), "codec", strings.ToLower(f.MimeType), "file", f.Name())
		players = append(players, p)
	}
	return players, nil
}

// awaitSubscribers waits until each track has a subscriber, so that the subscriber receives it from the first frame
// on. It waits for at most maxStartDelay, because it is possible that nobody subscribes. In an empty room it does not
// wait.
func (s *session) awaitSubscribers(ctx context.Context, players []*player) error {
	if s.alone() {
		return nil
	}
	for _, p := range players {
		if err := p.track.WritePadding(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, maxStartDelay)
	defer cancel()
	_ = s.client.Until(ctx, func() bool { // if the session has ended, playing fails as well
		return !slices.ContainsFunc(players, func(p *player) bool { return !p.track.Subscribed() })
	})
	return nil
}

// alone reports whether there is nobody else in the room. Room.NumParticipants counts this participant and hidden
// ones, but not recorders.
func (s *session) alone() bool {
	room := s.client.Room()
	return len(s.client.RemoteParticipants()) == 0 && room.GetNumParticipants() <= 1 && !room.GetActiveRecording()
}

// playOnce plays all files once and returns the duration of the longest file. If a file fails or must restart, it
// stops all files.
func (s *session) playOnce(ctx context.Context, players []*player, start, restartDeadline time.Time) (length time.Duration, err error) {
	playing, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(players))
	var all sync.WaitGroup
	var left atomic.Int32 // number of files that are still playing
	left.Store(int32(len(players)))
	for i, p := range players {
		all.Go(func() { // ends with the longest file, or when playing is cancelled
			defer cancel()
			errs[i] = s.play(playing, p, start, restartDeadline)
			if errs[i] == nil && left.Add(-1) > 0 {
				errs[i] = s.answerRequestsUntil(playing, p, nil, restartDeadline)
			}
		})
	}
	all.Wait()
	for _, p := range players {
		length = max(length, p.position)
	}
	if err := errors.Join(errs...); err != nil || ctx.Err() != nil || length > 0 {
		return length, err
	}
	return 0, errors.New("the files contain no frames")
}

// rewind returns all files to their start after a round of the given length. It sets the RTP clock of every track to
// the end of the round.
func rewind(players []*player, length time.Duration) error {
	for _, p := range players {
		p.track.AdvanceClock(length - p.position)
		p.position, p.ended = 0, false
		if err := p.file.Rewind(); err != nil {
			return err
		}
	}
	return nil
}

// play sends each frame at its time and returns after the last one. Key frames cannot be generated on request. If a
// subscriber requests one before restartDeadline, the files restart. Later, the viewer has to wait for the next key
// frame in the file.
func (s *session) play(ctx context.Context, p *player, start, restartDeadline time.Time) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(start.Add(p.position)))
		if err := s.answerRequestsUntil(ctx, p, timer.C, restartDeadline); err != nil || ctx.Err() != nil {
			return err
		}
		frame, err := p.file.Next()
		if errors.Is(err, mediafile.ErrDamaged) && !p.earlyEndPrinted {
			p.earlyEndPrinted = true
			s.events.print("file ends early", "file", p.file.Name(), "reason", mediafile.ErrDamaged.Error())
		}
		if errors.Is(err, io.EOF) || errors.Is(err, mediafile.ErrDamaged) {
			p.ended = true
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.send(p, frame); err != nil {
			return err
		}
		p.position += frame.Duration
	}
}

// answerRequestsUntil answers key frame requests until the timer channel due fires or ctx ends. Until
// restartDeadline, it also sends padding during pauses of the file, because some servers request a key frame only
// when a packet arrives.
func (s *session) answerRequestsUntil(ctx context.Context, p *player, due <-chan time.Time, restartDeadline time.Time) error {
	pause := time.NewTicker(keyFrameInFlight)
	defer pause.Stop()
	for {
		var err error
		select {
		case <-due:
			return nil
		case <-ctx.Done():
			return nil
		case <-p.keyFrameRequests:
			err = s.answerKeyFrameRequest(p, restartDeadline)
		case <-pause.C:
			if p.mayRestart(restartDeadline) {
				err = p.track.WritePadding()
			}
		}
		if err != nil {
			return err
		}
	}
}

// send sends a frame, or advances the RTP clock if the frame is a pause.
func (s *session) send(p *player, frame mediafile.Frame) error {
	if frame.Data == nil {
		p.track.AdvanceClock(frame.Duration)
		return nil
	}
	if frame.KeyFrame {
		p.lastKeyFrame, p.waitPrinted = time.Now(), false
	}
	s.frames.Add(1)
	return p.track.WriteFrame(frame.Data, frame.Duration)
}

// mayRestart reports whether the file may restart for a subscriber. It may if it has sent a key frame and
// restartDeadline has not passed.
func (p *player) mayRestart(restartDeadline time.Time) bool {
	return !p.lastKeyFrame.IsZero() && time.Now().Before(restartDeadline)
}

// answerKeyFrameRequest returns errRestart if the files should restart. Otherwise it prints that the viewer waits for
// the next key frame in the file, or that the file has ended. It prints this only once between two key frames.
func (s *session) answerKeyFrameRequest(p *player, restartDeadline time.Time) error {
	switch {
	case p.position == 0, time.Since(p.lastKeyFrame) < keyFrameInFlight: // a key frame is about to arrive
	case p.mayRestart(restartDeadline):
		return errRestart
	case p.waitPrinted:
	case p.ended && !s.Loop:
		p.waitPrinted = true
		s.events.print("viewer receives no video, the file has ended", "track", p.track.SID())
	default:
		p.waitPrinted = true
		s.events.print("viewer waits for the next key frame in the file", "track", p.track.SID())
	}
	return nil
}

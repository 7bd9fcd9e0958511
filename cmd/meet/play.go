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
	position         time.Duration // how far it has played
	ended            bool          // it has played to the end
	keyFrameRequests chan struct{} // a subscriber needs a key frame; one request is kept
	lastKeyFrame     time.Time     // when the last key frame was sent
	// What has been printed: that a subscriber waits, since the last key frame; that the file ends early.
	waitPrinted, earlyEndPrinted bool
}

const (
	// maxStartDelay is how long the first frames are held for subscribers. A subscription takes a few round trips, and a browser
	// that is busy a second.
	maxStartDelay = 2 * time.Second
	// restartWindow is how long after its beginning a file restarts for a subscriber that missed the first key frame.
	restartWindow = 2 * time.Second
	// keyFrameInFlight is how long after a key frame a request was sent before the key frame arrived: a round trip.
	keyFrameInFlight = 200 * time.Millisecond
)

// errRestart ends a round of playing early.
var errRestart = errors.New("a subscriber missed the first key frame")

// playAll publishes the files and plays them side by side from one beginning, so that sound and picture stay together,
// until all have ended. With --loop they restart together when the longest has ended.
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
	for latest := start.Add(restartWindow); ; {
		length, err := s.playOnce(ctx, players, start, latest)
		restart := errors.Is(err, errRestart)
		if restart { // not at the end of the frames under way; RTP timestamps increase by a millisecond at least
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

func (s *session) publishAll(ctx context.Context, files []*mediafile.File) (players []*player, err error) {
	for _, f := range files {
		p := &player{file: f, keyFrameRequests: make(chan struct{}, 1)}
		p.track, err = s.client.Publish(ctx, client.PublishOptions{
			Name: filepath.Base(f.Name()), MimeType: f.MimeType, Width: uint32(f.Width), Height: uint32(f.Height), Stereo: f.Stereo, DisableRED: true,
			OnKeyFrameRequest: func(int) {
				select {
				case p.keyFrameRequests <- struct{}{}:
				default: // one that is not answered yet serves both
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

// awaitSubscribers waits until the server sends every track to somebody, who then receives it from its first frame on. Nobody may
// want a track, so it does not wait for long, and in an empty room not at all.
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
	_ = s.client.Until(ctx, func() bool { // when the session has ended, playing fails too
		return !slices.ContainsFunc(players, func(p *player) bool { return !p.track.Subscribed() })
	})
	return nil
}

// alone reports whether nobody else is in the room. Room.NumParticipants counts us and those who are hidden, but no
// recorders.
func (s *session) alone() bool {
	room := s.client.Room()
	return len(s.client.RemoteParticipants()) == 0 && room.GetNumParticipants() <= 1 && !room.GetActiveRecording()
}

// playOnce plays all files to their ends and returns how long the longest is. One that fails ends the others, and so does
// one that has to restart.
func (s *session) playOnce(ctx context.Context, players []*player, start, latest time.Time) (length time.Duration, err error) {
	playing, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(players))
	var all sync.WaitGroup
	var left atomic.Int32 // files that play
	left.Store(int32(len(players)))
	for i, p := range players {
		all.Go(func() { // ends with the longest file, or with playing
			defer cancel()
			errs[i] = s.play(playing, p, start, latest)
			if errs[i] == nil && left.Add(-1) > 0 {
				errs[i] = s.answerRequestsUntil(playing, p, nil, latest)
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
	return 0, errors.New("there is nothing to play in the files")
}

// rewind goes back to the beginning of the files after a round of length; those that ended before pause until then.
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

// play sends each frame when it is due and returns when the last one has ended. Key frames cannot be made for subscribers
// that ask for one: until latest the files restart, later they wait for the next one in the file.
func (s *session) play(ctx context.Context, p *player, start, latest time.Time) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(start.Add(p.position)))
		if err := s.answerRequestsUntil(ctx, p, timer.C, latest); err != nil || ctx.Err() != nil {
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

// answerRequestsUntil answers requests for key frames until due or until ctx ends. While the first key frame can answer them, it
// sends padding where the file pauses: a server may ask for a subscriber only when a packet arrives.
func (s *session) answerRequestsUntil(ctx context.Context, p *player, due <-chan time.Time, latest time.Time) error {
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
			err = s.answerKeyFrameRequest(p, latest)
		case <-pause.C:
			if p.mayRestart(latest) {
				err = p.track.WritePadding()
			}
		}
		if err != nil {
			return err
		}
	}
}

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

// mayRestart reports whether the file may restart for a subscriber: it has key frames, and latest has not come.
func (p *player) mayRestart(latest time.Time) bool {
	return !p.lastKeyFrame.IsZero() && time.Now().Before(latest)
}

// answerKeyFrameRequest returns errRestart if a request for a key frame is answered by the first one. Otherwise it prints, once until
// the next key frame, that a subscriber waits for that, or that there is none.
func (s *session) answerKeyFrameRequest(p *player, latest time.Time) error {
	switch {
	case p.position == 0, time.Since(p.lastKeyFrame) < keyFrameInFlight: // one is under way
	case p.mayRestart(latest):
		return errRestart
	case p.waitPrinted:
	case p.ended && !s.Loop:
		p.waitPrinted = true
		s.events.print("viewer sees nothing, the file has ended", "track", p.track.SID())
	default:
		p.waitPrinted = true
		s.events.print("viewer waits for the next key frame in the file", "track", p.track.SID())
	}
	return nil
}

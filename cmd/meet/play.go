package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"meet/internal/client"
	"meet/internal/mediafile"
)

// player plays one file on one track.
type player struct {
	file  *mediafile.File
	track *client.Publication
	at    time.Duration // how far it has played
}

// playAll publishes the files and plays them side by side from one beginning, so that sound and picture stay together,
// until all have ended. With --loop they begin anew together too, when the longest has ended.
func (s *stay) playAll(ctx context.Context, files []*mediafile.File) error {
	if len(files) == 0 {
		return nil
	}
	var players []*player
	for _, f := range files {
		track, err := s.client.Publish(ctx, client.PublishOptions{
			Name: filepath.Base(f.Name()), MimeType: f.MimeType, Width: uint32(f.Width), Height: uint32(f.Height), Stereo: f.Stereo, DisableRED: true,
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.log.event("published", "track", track.SID(), "codec", strings.ToLower(f.MimeType), "file", f.Name())
		players = append(players, &player{file: f, track: track})
	}
	start := time.Now()
	for {
		length, err := s.playOnce(ctx, players, start)
		if err != nil || ctx.Err() != nil {
			return err
		}
		if !s.Loop {
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

// playOnce plays all files to their ends, and tells how long the longest is. One that fails ends the others.
func (s *stay) playOnce(ctx context.Context, players []*player, start time.Time) (length time.Duration, err error) {
	playing, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(players))
	var all sync.WaitGroup
	for i, p := range players {
		all.Go(func() { // ends with the file, or with playing
			if errs[i] = s.play(playing, p, start); errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	for _, p := range players {
		length = max(length, p.at)
	}
	if err := errors.Join(errs...); err != nil || ctx.Err() != nil || length > 0 {
		return length, err
	}
	return 0, errors.New("there is nothing to play in the files")
}

// rewind goes back to the beginning of the files; the shorter ones have paused until all had ended.
func rewind(players []*player, length time.Duration) error {
	for _, p := range players {
		p.track.Skip(length - p.at)
		p.at = 0
		if err := p.file.Rewind(); err != nil {
			return err
		}
	}
	return nil
}

// play sends each frame when it is due and returns when the last one is over. Key frames cannot be made for those who
// ask for one: they come where the file has them.
func (s *stay) play(ctx context.Context, p *player, start time.Time) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(start.Add(p.at)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		frame, err := p.file.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.track.WriteFrame(frame.Data, frame.Duration); err != nil {
			return err
		}
		s.frames.Add(1)
		p.at += frame.Duration
	}
}

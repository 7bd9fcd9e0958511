package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
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
	joined chan struct{} // closed once client is set

	frames, packets, bytes atomic.Uint64 // published, received

	mu     sync.Mutex
	people map[string]*livekit.ParticipantInfo // by identity, as last told of
}

// progressInterval is how often is told how much was sent and received.
const progressInterval = 10 * time.Second

func (s *stay) run(ctx context.Context, address, raw string, files []*mediafile.File) error {
	s.people, s.joined = map[string]*livekit.ParticipantInfo{}, make(chan struct{})
	if err := s.enter(ctx, address, raw); err != nil {
		return err
	}
	s.log.event("joined", "room", s.client.Room().GetName(), "identity", s.client.Participant().GetIdentity())
	ctx, cancel := s.limit(ctx)
	defer cancel()
	played := make(chan error, 1)
	var playing sync.WaitGroup
	playing.Go(func() { played <- s.playAll(ctx, files) }) // ends with the files, or with ctx
	err := s.wait(ctx, played, len(files) > 0 && !s.Stay)
	cancel()
	playing.Wait()
	err = errors.Join(err, s.client.Leave())
	s.log.event("left", "frames", s.frames.Load(), "packets", s.packets.Load(), "bytes", s.bytes.Load())
	return err
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
	progress := time.NewTicker(progressInterval)
	defer progress.Stop()
	for {
		select {
		case err := <-played:
			if err != nil || ends {
				return err
			}
			played = nil
		case <-progress.C:
			s.log.event("progress", "frames", s.frames.Load(), "packets", s.packets.Load(), "bytes", s.bytes.Load())
		case <-s.client.Done():
			return fmt.Errorf("the stay is over: %w", s.client.Err())
		case <-ctx.Done():
			return nil // Ctrl-C, or --duration
		}
	}
}

// playAll publishes the files side by side until all have ended.
func (s *stay) playAll(ctx context.Context, files []*mediafile.File) error {
	errs := make([]error, len(files))
	var all sync.WaitGroup
	for i, f := range files {
		all.Go(func() { errs[i] = s.play(ctx, f) }) // ends with the file, or with ctx
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *stay) play(ctx context.Context, f *mediafile.File) error {
	pub, err := s.client.Publish(ctx, client.PublishOptions{
		Name: filepath.Base(f.Name()), MimeType: f.MimeType, Width: uint32(f.Width), Height: uint32(f.Height), Stereo: f.Stereo, DisableRED: true,
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.log.event("published", "track", pub.SID(), "codec", f.MimeType, "file", f.Name())
	due := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		frame, err := f.Next()
		if errors.Is(err, io.EOF) && s.Loop {
			if err = f.Rewind(); err == nil {
				frame, err = f.Next()
			}
		}
		if errors.Is(err, io.EOF) {
			return s.client.Unpublish(ctx, pub)
		}
		if err != nil {
			return err
		}
		// Key frames that are asked for cannot be made: they come where the file has them.
		if err := pub.WriteFrame(frame.Data, frame.Duration); err != nil {
			return err
		}
		s.frames.Add(1)
		due = due.Add(frame.Duration)
		timer.Reset(time.Until(due))
	}
}

// receive reads one track to its end.
func (s *stay) receive(t *client.RemoteTrack) {
	if t.SID() == "" { // the last, black picture of a track that is over already
		t.Drain()
		return
	}
	codec := t.Codec().MimeType
	owner := s.owner(t)
	s.log.event("receiving", "track", t.SID(), "codec", codec, "from", owner)
	record := s.record(t, owner, codec)
	for {
		p, err := t.ReadRTP()
		if err != nil {
			break
		}
		s.packets.Add(1)
		s.bytes.Add(uint64(len(p.Payload)))
		if record == nil {
			continue
		}
		if _, err := record.Write(p, time.Now()); err != nil {
			s.log.event("recording failed", "track", t.SID(), "error", err.Error())
			break
		}
	}
	if record != nil {
		if err := record.Close(); err != nil {
			s.log.event("recording failed", "track", t.SID(), "error", err.Error())
			return
		}
		s.log.event("recorded", "track", t.SID(), "file", record.Path)
	}
}

// record opens the file for a track and asks for a picture to begin with; nil where nothing is to be recorded.
func (s *stay) record(t *client.RemoteTrack, owner, codec string) *mediafile.Recorder {
	if s.RecordTo == "" || s.client == nil {
		return nil
	}
	width, height := 0, 0
	for _, p := range s.client.Participants() {
		for _, info := range p.Tracks {
			if info.Sid == t.SID() {
				width, height = int(info.Width), int(info.Height)
			}
		}
	}
	r, err := mediafile.Record(filepath.Join(s.RecordTo, fileName(owner)+"-"+fileName(t.SID())), codec, width, height)
	if err != nil {
		s.log.event("recording failed", "track", t.SID(), "error", err.Error())
		return nil
	}
	_ = t.RequestKeyFrame() // a connection that is gone has no more packets either
	return r
}

// fileName keeps of a name what is harmless in every file system.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), 64)]
}

// owner is the identity of who publishes a track, which may come while the join is under way.
func (s *stay) owner(t *client.RemoteTrack) string {
	select {
	case <-s.joined:
	case <-time.After(joinTimeout): // it failed
		return t.ParticipantSID()
	}
	for _, p := range s.client.Participants() {
		if p.Sid == t.ParticipantSID() {
			return p.Identity
		}
	}
	return t.ParticipantSID()
}

// hear tells of people who come and go. It is called before the client has taken the message.
func (s *stay) hear(m *livekit.SignalResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	people := m.GetUpdate().GetParticipants()
	if j := m.GetJoin(); j != nil {
		people = j.OtherParticipants
		s.people[j.Participant.Identity] = j.Participant // no news
	}
	for _, p := range people {
		known := s.people[p.Identity]
		switch {
		case p.State == livekit.ParticipantInfo_DISCONNECTED:
			if known != nil && known.Sid == p.Sid {
				delete(s.people, p.Identity)
				s.log.event("participant left", "identity", p.Identity)
			}
			continue
		case known == nil:
			s.log.event("participant joined", "identity", p.Identity, "name", p.Name)
		}
		s.people[p.Identity] = p
	}
}

// message shows what is sent to everybody as text.
func (s *stay) message(p *livekit.DataPacket) {
	if u := p.GetUser(); u != nil {
		s.log.event("data", "from", p.ParticipantIdentity, "topic", u.GetTopic(), "text", string(u.Payload))
	}
	if c := p.GetChatMessage(); c != nil {
		s.log.event("message", "from", p.ParticipantIdentity, "text", c.Message)
	}
}

// journal prints what happens, a line for each thing.
type journal struct {
	w     world
	json  bool
	began time.Time
	mu    sync.Mutex
}

// event prints a line; pairs are names and values.
func (j *journal) event(what string, pairs ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := time.Since(j.began)
	if j.json {
		line := map[string]any{"event": what, "seconds": at.Seconds()}
		for i := 0; i+1 < len(pairs); i += 2 {
			line[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		_ = json.NewEncoder(j.w.stdout).Encode(line)
		return
	}
	fmt.Fprintf(j.w.stdout, "%6.1fs  %s", at.Seconds(), what)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(j.w.stdout, "  %v %s", pairs[i], cell(fmt.Sprint(pairs[i+1])))
	}
	fmt.Fprintln(j.w.stdout)
}

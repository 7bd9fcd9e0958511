package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/internal/mediafile"
)

// tape records one track, in a file for each codec it comes in.
type tape struct {
	stay  *stay
	track *client.RemoteTrack
	owner string

	codec    string              // at present, "" before the first packet
	recorder *mediafile.Recorder // nil when there is nothing to record to
	asked    time.Time           // for a key frame
}

// keyFrameInterval is how often a key frame is asked for while there is none.
const keyFrameInterval = time.Second

// receive reads one track to its end.
func (s *stay) receive(t *client.RemoteTrack) {
	if t.SID() == "" { // the last, black picture of a track that is over already
		t.Drain()
		return
	}
	tape := &tape{stay: s, track: t}
	tape.owner, _ = s.announced(t)
	s.log.event("receiving", "track", t.SID(), "codec", strings.ToLower(t.Codec().MimeType), "from", tape.owner)
	defer tape.end()
	for {
		p, err := t.ReadRTP()
		if err != nil {
			return
		}
		s.packets.Add(1)
		s.bytes.Add(uint64(len(p.Payload)))
		if s.RecordTo == "" {
			continue
		}
		if now := t.Codec().MimeType; now != tape.codec {
			tape.end()
			tape.begin(now)
		}
		if tape.recorder == nil {
			continue
		}
		waits, err := tape.recorder.Write(p, time.Now())
		if err != nil {
			s.fail(err)
			tape.end()
		}
		if waits {
			tape.askForKeyFrame()
		}
	}
}

// begin makes the file for a codec.
func (t *tape) begin(codec string) {
	t.codec = codec
	_, info := t.stay.announced(t.track)
	if info.GetEncryption() != livekit.Encryption_NONE {
		t.stay.log.event("not recorded", "track", t.track.SID(), "reason", "it is encrypted from end to end")
		return
	}
	path := filepath.Join(t.stay.RecordTo, fileName(t.owner)+"-"+fileName(t.track.SID()))
	r, err := mediafile.NewRecorder(path, codec, int(info.GetWidth()), int(info.GetHeight()))
	if err != nil {
		t.stay.fail(fmt.Errorf("track %s, %s: %w", t.track.SID(), codec, err))
		return
	}
	t.recorder = r
}

// end closes the file. One without a frame is no use to anybody.
func (t *tape) end() {
	r := t.recorder
	if r == nil {
		return
	}
	t.recorder = nil
	err := r.Close()
	if err == nil && r.Frames == 0 {
		t.stay.log.event("not recorded", "track", t.track.SID(), "reason", "nothing whole was received")
		err = os.Remove(r.Path)
	} else if err == nil {
		t.stay.log.event("recorded", "track", t.track.SID(), "file", r.Path, "frames", r.Frames)
	}
	if err != nil {
		t.stay.fail(err)
	}
}

func (t *tape) askForKeyFrame() {
	if now := time.Now(); now.Sub(t.asked) >= keyFrameInterval {
		t.asked = now
		_ = t.track.RequestKeyFrame() // a connection that is gone has no more packets either
	}
}

// announced is who publishes a track, by identity, and how it was announced, nil if it was not. Servers announce first.
func (s *stay) announced(t *client.RemoteTrack) (owner string, info *livekit.TrackInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.people {
		if p.Sid != t.ParticipantSID() {
			continue
		}
		for _, info := range p.Tracks {
			if info.Sid == t.SID() {
				return p.Identity, info
			}
		}
		return p.Identity, nil
	}
	return t.ParticipantSID(), nil
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

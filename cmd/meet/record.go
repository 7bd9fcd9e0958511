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

// trackRecording records one track, in a file for each codec it comes in.
type trackRecording struct {
	session *session
	track   *client.RemoteTrack
	owner   string

	codec               string              // at present, "" before the first packet
	recorder            *mediafile.Recorder // nil when there is nothing to record to
	lastKeyFrameRequest time.Time           // for a key frame
}

// keyFrameInterval is how often a key frame is asked for while there is none.
const keyFrameInterval = time.Second

// receive reads one track to its end.
func (s *session) receive(t *client.RemoteTrack) {
	if t.SID() == "" { // the last, black picture of a track that is over already
		t.Drain()
		return
	}
	recording := &trackRecording{session: s, track: t}
	recording.owner, _ = s.trackInfo(t)
	s.events.print("receiving", "track", t.SID(), "codec", strings.ToLower(t.Codec().MimeType), "from", recording.owner)
	defer recording.close()
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
		if now := t.Codec().MimeType; now != recording.codec {
			recording.close()
			recording.open(now)
		}
		if recording.recorder == nil {
			continue
		}
		waits, err := recording.recorder.Write(p, time.Now())
		if err != nil {
			s.fail(err)
			recording.close()
		}
		if waits {
			recording.requestKeyFrame()
		}
	}
}

// open makes the file for a codec.
func (t *trackRecording) open(codec string) {
	t.codec = codec
	_, info := t.session.trackInfo(t.track)
	if info.GetEncryption() != livekit.Encryption_NONE {
		t.session.events.print("not recorded", "track", t.track.SID(), "reason", "it is encrypted from end to end")
		return
	}
	path := filepath.Join(t.session.RecordTo, fileName(t.owner)+"-"+fileName(t.track.SID()))
	r, err := mediafile.NewRecorder(path, codec, int(info.GetWidth()), int(info.GetHeight()))
	if err != nil {
		t.session.fail(fmt.Errorf("track %s, %s: %w", t.track.SID(), codec, err))
		return
	}
	t.recorder = r
}

// close closes the file. One without a frame is no use to anybody.
func (t *trackRecording) close() {
	r := t.recorder
	if r == nil {
		return
	}
	t.recorder = nil
	err := r.Close()
	if err == nil && r.Frames == 0 {
		t.session.events.print("not recorded", "track", t.track.SID(), "reason", "nothing whole was received")
		err = os.Remove(r.Path)
	} else if err == nil {
		t.session.events.print("recorded", "track", t.track.SID(), "file", r.Path, "frames", r.Frames)
	}
	if err != nil {
		t.session.fail(err)
	}
}

func (t *trackRecording) requestKeyFrame() {
	if now := time.Now(); now.Sub(t.lastKeyFrameRequest) >= keyFrameInterval {
		t.lastKeyFrameRequest = now
		_ = t.track.RequestKeyFrame() // a connection that is gone has no more packets either
	}
}

// trackInfo is who publishes a track, by identity, and how it was announced, nil if it was not. Servers announce first.
func (s *session) trackInfo(t *client.RemoteTrack) (owner string, info *livekit.TrackInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.participants {
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

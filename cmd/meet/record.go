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

// trackRecording records one received track. Whenever the codec of the track changes, it starts another file.
type trackRecording struct {
	session *session
	track   *client.RemoteTrack
	owner   string

	codec               string              // current codec as a MIME type, "" before the first packet
	recorder            *mediafile.Recorder // nil if the track is not recorded
	lastKeyFrameRequest time.Time           // time of the last key frame request
}

// keyFrameInterval is the interval between key frame requests while the recording needs a key frame.
const keyFrameInterval = time.Second

// receive reads a track until it ends and, with --record-to, records it.
func (s *session) receive(t *client.RemoteTrack) {
	if t.SID() == "" { // the black frames that end a track that was already unpublished
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

// open creates the recording's file for a codec. It creates none if the track is end-to-end encrypted.
func (t *trackRecording) open(codec string) {
	t.codec = codec
	_, info := t.session.trackInfo(t.track)
	if info.GetEncryption() != livekit.Encryption_NONE {
		t.session.events.print("not recorded", "track", t.track.SID(), "reason", "it is end-to-end encrypted")
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

// close closes the recording's file and deletes it if it contains no frame.
func (t *trackRecording) close() {
	r := t.recorder
	if r == nil {
		return
	}
	t.recorder = nil
	err := r.Close()
	if err == nil && r.Frames == 0 {
		t.session.events.print("not recorded", "track", t.track.SID(), "reason", "no complete frame was received")
		err = os.Remove(r.Path)
	} else if err == nil {
		t.session.events.print("recorded", "track", t.track.SID(), "file", r.Path, "frames", r.Frames)
	}
	if err != nil {
		t.session.fail(err)
	}
}

// requestKeyFrame requests a key frame, at most once in each keyFrameInterval.
func (t *trackRecording) requestKeyFrame() {
	if now := time.Now(); now.Sub(t.lastKeyFrameRequest) >= keyFrameInterval {
		t.lastKeyFrameRequest = now
		_ = t.track.RequestKeyFrame() // if the connection is lost, no more packets arrive either
	}
}

// trackInfo returns the identity of a track's publisher and the server's description of the track. info is nil if the
// server has not announced the track, but servers announce a track before they send it.
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

// fileName replaces the characters of name that are not allowed in every file system, and cuts it at 64 bytes.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), 64)]
}

package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"

	"meet/internal/client"
	"meet/internal/token"
)

// ivfWithOneKeyFrame writes a film that can be watched only from its first picture on. Pictures are every/20 seconds apart.
func ivfWithOneKeyFrame(t *testing.T, frames byte, ticks uint64) string {
	t.Helper()
	file := append([]byte("DKIF\x00\x00\x20\x00VP80"), 16, 0, 16, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for n := range frames {
		frame := slices.Clone(keyFrame)
		if n > 0 {
			frame = append([]byte{keyFrame[0] | 1}, n)
		}
		file = binary.LittleEndian.AppendUint32(file, uint32(len(frame)))
		file = append(binary.LittleEndian.AppendUint64(file, uint64(n)*ticks), frame...)
	}
	path := filepath.Join(t.TempDir(), "film.ivf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// silentOgg is an Ogg file of silence, of 50 packets a second.
func silentOgg(t *testing.T, packets uint32) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sound.ogg")
	w, err := oggwriter.New(path, 48_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	for n := range packets {
		if err := w.WriteRTP(&rtp.Packet{Header: rtp.Header{Timestamp: n * 960}, Payload: []byte{0xfc, 0xff, 0xfe}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// joinViewer lets somebody join and receive tracks.
func joinViewer(t *testing.T, address string, grant token.VideoGrant, onTrack func(*client.RemoteTrack)) {
	t.Helper()
	grant.RoomJoin, grant.Room = true, "blue"
	raw, err := token.New(testKey, testSecret).SetIdentity("viewer").SetVideoGrant(grant).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Join(t.Context(), strings.Replace(address, "http", "ws", 1), raw, client.Options{HostOnly: true, OnTrack: onTrack})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // its result no longer matters
}

// forwardVideo sends the packets of pictures that a viewer receives, the first few of them.
func forwardVideo(to chan<- *rtp.Packet) func(*client.RemoteTrack) {
	return func(track *client.RemoteTrack) {
		for {
			p, err := track.ReadRTP()
			if err != nil {
				return
			}
			if track.Kind() != webrtc.RTPCodecTypeVideo || len(p.Payload) == 0 || p.Padding {
				continue
			}
			select {
			case to <- p:
			default: // a later one
			}
		}
	}
}

// expectFirstFrame fails unless the first picture that a viewer receives, in time, is that of the film.
func expectFirstFrame(t *testing.T, received <-chan *rtp.Packet) {
	t.Helper()
	select {
	case p := <-received:
		if !strings.HasSuffix(string(p.Payload), string(keyFrame)) {
			t.Errorf("the first picture is %x", p.Payload)
		}
	case <-time.After(8 * time.Second):
		t.Error("no picture is received")
	}
}

// Somebody who comes when the film has just begun gets it from the first picture on, even if only that
// one can be decoded by itself, if the next one is due in ten seconds, or if only the sound goes on.
func TestPlayRestartsForAViewerWhoJoinsEarly(t *testing.T) {
	address, _ := startServer(t)
	for name, files := range map[string][]string{
		"film":                {"--video", ivfWithOneKeyFrame(t, 60, 1)},
		"slides":              {"--video", ivfWithOneKeyFrame(t, 2, 200)},
		"picture and a sound": {"--video", ivfWithOneKeyFrame(t, 1, 1), "--audio", silentOgg(t, 500)},
	} {
		t.Run(name, func(t *testing.T) {
			r := startCommand(t, address, append([]string{"join", "blue"}, files...)...)
			r.waitOutput(t, "published")
			received := make(chan *rtp.Packet, 1)
			joinViewer(t, address, token.VideoGrant{}, forwardVideo(received))
			expectFirstFrame(t, received)
			r.cancel()
			r.waitExit(t, 0)
		})
	}
}

// TestPlayWaitsForHiddenViewers: the film is held for participants that are not shown too, and none of it is lost to them.
func TestPlayWaitsForHiddenViewers(t *testing.T) {
	address, _ := startServer(t)
	for name, grant := range map[string]token.VideoGrant{"participant": {Hidden: true}, "recorder": {Hidden: true, Recorder: true}} {
		t.Run(name, func(t *testing.T) {
			received := make(chan *rtp.Packet, 1)
			joinViewer(t, address, grant, forwardVideo(received))
			r := startCommand(t, address, "join", "blue", "--video", ivfWithOneKeyFrame(t, 2, 10))
			expectFirstFrame(t, received)
			r.waitOutput(t, "left  frames 2 ") // it has not restarted
			r.waitExit(t, 0)
		})
	}
}

// Requests for key frames restart the film at first; later the output says, once, that a
// viewer waits, or that the film has ended before its sound.
func TestPlayReportsOnceThatAViewerWaits(t *testing.T) {
	address, _ := startServer(t)
	const waits, ended = "viewer waits for the next key frame in the file", "viewer receives no video, the file has ended"
	for name, tt := range map[string]struct {
		files       []string
		says, never string
	}{
		"film":                {[]string{"--video", ivfWithOneKeyFrame(t, 60, 1)}, waits, ended},
		"picture and a sound": {[]string{"--video", ivfWithOneKeyFrame(t, 1, 1), "--audio", silentOgg(t, 150)}, ended, waits},
	} {
		t.Run(name, func(t *testing.T) {
			r := startCommand(t, address, append([]string{"join", "blue"}, tt.files...)...)
			r.waitOutput(t, "codec video/vp8")
			tracks := make(chan *client.RemoteTrack, 2)
			joinViewer(t, address, token.VideoGrant{}, func(track *client.RemoteTrack) {
				if track.Kind() == webrtc.RTPCodecTypeVideo {
					tracks <- track
				}
				track.Drain()
			})
			track := <-tracks
			poll(t, func() string {
				if err := track.RequestKeyFrame(); err != nil {
					return err.Error()
				}
				if !strings.Contains(r.out.String(), tt.says+"  track "+track.SID()) {
					return "no request is printed"
				}
				return ""
			})
			r.waitOutput(t, "left  frames")
			r.waitExit(t, 0)
			if out := r.out.String(); strings.Count(out, tt.says) != 1 || strings.Contains(out, tt.never) {
				t.Error("requests are not printed as they should be")
			}
		})
	}
}

// TestPlayWithoutSubscribersStartsAnyway: where nobody subscribes, the film is held for a moment only.
func TestPlayWithoutSubscribersStartsAnyway(t *testing.T) {
	address, _ := startServer(t)
	other := startCommand(t, address, "join", "blue", "--identity", "other", "--no-subscribe")
	other.waitOutput(t, "joined")
	r := startCommand(t, address, "join", "blue", "--video", ivfWithOneKeyFrame(t, 5, 1))
	r.waitOutput(t, "left  frames 5")
	r.waitExit(t, 0)
	other.cancel()
	other.waitExit(t, 0)
}

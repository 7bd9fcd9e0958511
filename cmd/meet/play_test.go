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

// ivfWithOneKeyFrame writes an IVF file of VP8 in which only the first frame is a key frame. A frame lasts ticks/20
// seconds.
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
	path := filepath.Join(t.TempDir(), "video.ivf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// silentOgg writes an Ogg file of silence, with 50 packets a second.
func silentOgg(t *testing.T, packets uint32) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audio.ogg")
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

// joinViewer joins the room with the given grant and passes subscribed tracks to onTrack.
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
	t.Cleanup(func() { _ = c.Close() }) // the result does not matter
}

// forwardVideo returns an OnTrack callback that sends received video packets to a channel. While the channel is full,
// it drops packets.
func forwardVideo(packets chan<- *rtp.Packet) func(*client.RemoteTrack) {
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
			case packets <- p:
			default: // the channel is full
			}
		}
	}
}

// expectFirstFrame checks that the first received video packet contains the file's key frame.
func expectFirstFrame(t *testing.T, received <-chan *rtp.Packet) {
	t.Helper()
	select {
	case p := <-received:
		if !strings.HasSuffix(string(p.Payload), string(keyFrame)) {
			t.Errorf("the first packet is %x, want one with the key frame", p.Payload)
		}
	case <-time.After(8 * time.Second):
		t.Error("no video is received")
	}
}

// A viewer that joins shortly after the start receives the video from its first frame. The cases are that no other
// frame is a key frame, that the next frame follows ten seconds later, and that only the audio is still playing.
func TestPlayedVideoRestartsWhenAViewerJoinsShortlyAfterTheStart(t *testing.T) {
	address, _ := startServer(t)
	for name, files := range map[string][]string{
		"video":               {"--video", ivfWithOneKeyFrame(t, 60, 1)},
		"slide show":          {"--video", ivfWithOneKeyFrame(t, 2, 200)},
		"one frame and audio": {"--video", ivfWithOneKeyFrame(t, 1, 1), "--audio", silentOgg(t, 500)},
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

// Hidden viewers therefore receive all frames.
func TestPlayStartsOnlyWhenHiddenViewersHaveSubscribed(t *testing.T) {
	address, _ := startServer(t)
	for name, grant := range map[string]token.VideoGrant{"participant": {Hidden: true}, "recorder": {Hidden: true, Recorder: true}} {
		t.Run(name, func(t *testing.T) {
			received := make(chan *rtp.Packet, 1)
			joinViewer(t, address, grant, forwardVideo(received))
			r := startCommand(t, address, "join", "blue", "--video", ivfWithOneKeyFrame(t, 2, 10))
			expectFirstFrame(t, received)
			r.waitOutput(t, "left  frames 2 ") // both frames once: it has not restarted
			r.waitExit(t, 0)
		})
	}
}

// A key frame request soon after the start restarts the files. After a later request, it is printed once that the
// viewer waits for a key frame, or that the video has ended (before the audio).
func TestPlayPrintsOnceWhyAViewerReceivesNoVideo(t *testing.T) {
	address, _ := startServer(t)
	const waits, ended = "viewer waits for the next key frame in the file", "viewer receives no video, the file has ended"
	for name, tt := range map[string]struct {
		files       []string
		says, never string
	}{
		"video":               {[]string{"--video", ivfWithOneKeyFrame(t, 60, 1)}, waits, ended},
		"one frame and audio": {[]string{"--video", ivfWithOneKeyFrame(t, 1, 1), "--audio", silentOgg(t, 150)}, ended, waits},
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
					return "the request is not printed"
				}
				return ""
			})
			r.waitOutput(t, "left  frames")
			r.waitExit(t, 0)
			if out := r.out.String(); strings.Count(out, tt.says) != 1 || strings.Contains(out, tt.never) {
				t.Error("the output does not contain exactly one message about the viewer")
			}
		})
	}
}

func TestPlayStartsAfterAWaitIfNobodySubscribes(t *testing.T) {
	address, _ := startServer(t)
	other := startCommand(t, address, "join", "blue", "--identity", "other", "--no-subscribe")
	other.waitOutput(t, "joined")
	r := startCommand(t, address, "join", "blue", "--video", ivfWithOneKeyFrame(t, 5, 1))
	r.waitOutput(t, "left  frames 5")
	r.waitExit(t, 0)
	other.cancel()
	other.waitExit(t, 0)
}

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

// oneKeyFrame writes a film that can be watched only from its first picture on. Pictures are every/20 seconds apart.
func oneKeyFrame(t *testing.T, pictures byte, every uint64) string {
	t.Helper()
	film := append([]byte("DKIF\x00\x00\x20\x00VP80"), 16, 0, 16, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for n := range pictures {
		picture := slices.Clone(keyPicture)
		if n > 0 {
			picture = append([]byte{keyPicture[0] | 1}, n)
		}
		film = binary.LittleEndian.AppendUint32(film, uint32(len(picture)))
		film = append(binary.LittleEndian.AppendUint64(film, uint64(n)*every), picture...)
	}
	path := filepath.Join(t.TempDir(), "film.ivf")
	if err := os.WriteFile(path, film, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sound is an Ogg file of silence, of 50 packets a second.
func sound(t *testing.T, packets uint32) string {
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

// watch lets somebody join and receive tracks.
func watch(t *testing.T, address string, grant token.VideoGrant, onTrack func(*client.RemoteTrack)) {
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

// pictures sends the packets of pictures that a viewer receives, the first few of them.
func pictures(to chan<- *rtp.Packet) func(*client.RemoteTrack) {
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

// receivesFirst fails unless the first picture that a viewer receives, in time, is that of the film.
func receivesFirst(t *testing.T, received <-chan *rtp.Packet) {
	t.Helper()
	select {
	case p := <-received:
		if !strings.HasSuffix(string(p.Payload), string(keyPicture)) {
			t.Errorf("the first picture is %x", p.Payload)
		}
	case <-time.After(8 * time.Second):
		t.Error("no picture is received")
	}
}

// Somebody who comes when the film has just begun gets it from the first picture on, even if only that
// one can be decoded by itself, if the next one is due in ten seconds, or if only the sound goes on.
func TestPlayRestartsForAViewerWhoJoinsEarly(t *testing.T) {
	address, _ := serving(t)
	for name, files := range map[string][]string{
		"film":                {"--video", oneKeyFrame(t, 60, 1)},
		"slides":              {"--video", oneKeyFrame(t, 2, 200)},
		"picture and a sound": {"--video", oneKeyFrame(t, 1, 1), "--audio", sound(t, 500)},
	} {
		t.Run(name, func(t *testing.T) {
			r := begin(t, address, append([]string{"join", "blue"}, files...)...)
			r.says(t, "published")
			received := make(chan *rtp.Packet, 1)
			watch(t, address, token.VideoGrant{}, pictures(received))
			receivesFirst(t, received)
			r.cancel()
			r.ends(t, 0)
		})
	}
}

// TestPlayWaitsForHiddenViewers: the film is held for participants that are not shown too, and none of it is lost to them.
func TestPlayWaitsForHiddenViewers(t *testing.T) {
	address, _ := serving(t)
	for name, grant := range map[string]token.VideoGrant{"participant": {Hidden: true}, "recorder": {Hidden: true, Recorder: true}} {
		t.Run(name, func(t *testing.T) {
			received := make(chan *rtp.Packet, 1)
			watch(t, address, grant, pictures(received))
			r := begin(t, address, "join", "blue", "--video", oneKeyFrame(t, 2, 10))
			receivesFirst(t, received)
			r.says(t, "left  frames 2 ") // it has not restarted
			r.ends(t, 0)
		})
	}
}

// Requests for key frames restart the film at first; later the output says, once, that a
// viewer waits, or that the film has ended before its sound.
func TestPlayReportsOnceThatAViewerWaits(t *testing.T) {
	address, _ := serving(t)
	const waits, ended = "viewer waits for the next key frame in the file", "viewer sees nothing, the file has ended"
	for name, tt := range map[string]struct {
		files       []string
		says, never string
	}{
		"film":                {[]string{"--video", oneKeyFrame(t, 60, 1)}, waits, ended},
		"picture and a sound": {[]string{"--video", oneKeyFrame(t, 1, 1), "--audio", sound(t, 150)}, ended, waits},
	} {
		t.Run(name, func(t *testing.T) {
			r := begin(t, address, append([]string{"join", "blue"}, tt.files...)...)
			r.says(t, "codec video/vp8")
			tracks := make(chan *client.RemoteTrack, 2)
			watch(t, address, token.VideoGrant{}, func(track *client.RemoteTrack) {
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
			r.says(t, "left  frames")
			r.ends(t, 0)
			if out := r.out.String(); strings.Count(out, tt.says) != 1 || strings.Contains(out, tt.never) {
				t.Error("requests are not printed as they should be")
			}
		})
	}
}

// TestPlayWithoutSubscribersStartsAnyway: where nobody subscribes, the film is held for a moment only.
func TestPlayWithoutSubscribersStartsAnyway(t *testing.T) {
	address, _ := serving(t)
	other := begin(t, address, "join", "blue", "--identity", "other", "--no-subscribe")
	other.says(t, "joined")
	r := begin(t, address, "join", "blue", "--video", oneKeyFrame(t, 5, 1))
	r.says(t, "left  frames 5")
	r.ends(t, 0)
	other.cancel()
	other.ends(t, 0)
}

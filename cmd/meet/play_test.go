package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meet/internal/client"
	"meet/internal/token"
)

// oneKeyFrame is a film of 20 pictures a second that can be watched only from its first picture on.
func oneKeyFrame(t *testing.T, pictures byte) string {
	t.Helper()
	film := append([]byte("DKIF\x00\x00\x20\x00VP80"), 16, 0, 16, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for n := range pictures {
		picture := slices.Clone(keyPicture)
		if n > 0 {
			picture = append([]byte{keyPicture[0] | 1}, n)
		}
		film = binary.LittleEndian.AppendUint32(film, uint32(len(picture)))
		film = append(binary.LittleEndian.AppendUint64(film, uint64(n)), picture...)
	}
	path := filepath.Join(t.TempDir(), "film.ivf")
	if err := os.WriteFile(path, film, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// watch lets somebody join and receive tracks.
func watch(t *testing.T, address, room string, onTrack func(*client.RemoteTrack)) {
	t.Helper()
	raw, err := token.New(testKey, testSecret).SetIdentity("viewer").SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: room}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Join(t.Context(), strings.Replace(address, "http", "ws", 1), raw, client.Options{HostOnly: true, OnTrack: onTrack})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the test is over
}

// TestPlayRestarts: somebody who comes when the film has just begun gets it from the first picture on, even if only that
// one can be decoded by itself.
func TestPlayRestarts(t *testing.T) {
	address, _ := serving(t)
	r := begin(t, address, "join", "blue", "--video", oneKeyFrame(t, 60))
	r.says(t, "published")
	first := make(chan []byte, 1)
	watch(t, address, "blue", func(track *client.RemoteTrack) {
		for {
			p, err := track.ReadRTP()
			if err != nil {
				return
			}
			if len(p.Payload) > 0 && !p.Padding {
				select {
				case first <- p.Payload:
				default: // a later one
				}
			}
		}
	})
	poll(t, func() string {
		select {
		case payload := <-first:
			if !strings.HasSuffix(string(payload), string(keyPicture)) {
				t.Fatalf("the first picture is %x", payload)
			}
			return ""
		default:
			return "no picture"
		}
	})
	r.cancel()
	r.ends(t, 0)
}

// TestPlayTellsThatViewersWait: requests for key frames restart the film at first; later the output says, once, that a
// viewer waits.
func TestPlayTellsThatViewersWait(t *testing.T) {
	address, _ := serving(t)
	r := begin(t, address, "join", "blue", "--video", oneKeyFrame(t, 60))
	tracks := make(chan *client.RemoteTrack, 1)
	watch(t, address, "blue", func(track *client.RemoteTrack) {
		tracks <- track
		track.Drain()
	})
	track := <-tracks
	const waits = "viewer waits for the next key frame in the file"
	requested := func() string {
		if err := track.RequestKeyFrame(); err != nil {
			return err.Error()
		}
		if !strings.Contains(r.out.String(), waits+"  track "+track.SID()) {
			return "no request is printed"
		}
		return ""
	}
	poll(t, requested)
	r.says(t, "left  frames")
	r.ends(t, 0)
	if n := strings.Count(r.out.String(), waits); n != 1 {
		t.Errorf("%d requests are printed", n)
	}
}

// TestPlayWithoutSubscribers: where nobody subscribes, the film is held for a moment only.
func TestPlayWithoutSubscribers(t *testing.T) {
	address, _ := serving(t)
	other := begin(t, address, "join", "blue", "--identity", "other", "--no-subscribe")
	other.says(t, "joined")
	r := begin(t, address, "join", "blue", "--video", oneKeyFrame(t, 5))
	r.says(t, "left  frames 5")
	r.ends(t, 0)
	other.cancel()
	other.ends(t, 0)
}

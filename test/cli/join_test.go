package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// film lets ffmpeg make three seconds of a test picture, or of a tone, in a file.
func film(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	source := "testsrc2=size=320x180:rate=15:duration=3"
	if strings.HasSuffix(name, ".ogg") {
		source = "sine=frequency=440:duration=3"
	}
	args = append(append([]string{"-v", "error", "-f", "lavfi", "-i", source}, args...), path)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, out)
	}
	return path
}

// TestJoin lets one process publish files of every codec, and another record them: what is recorded is the film.
func TestJoin(t *testing.T) {
	address, _ := begin(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	sound := film(t, "a.ogg", "-c:a", "libopus", "-ac", "2")
	for name, args := range map[string][]string{
		"vp8.ivf":  {"-c:v", "libvpx", "-g", "15"},
		"vp9.ivf":  {"-c:v", "libvpx-vp9", "-g", "15", "-lag-in-frames", "0", "-deadline", "realtime", "-cpu-used", "8"},
		"av1.ivf":  {"-c:v", "libaom-av1", "-g", "15", "-lag-in-frames", "0", "-usage", "realtime", "-cpu-used", "8"},
		"any.h264": {"-c:v", "libx264", "-g", "15", "-bf", "0", "-profile:v", "baseline", "-pix_fmt", "yuv420p"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			dir, room := t.TempDir(), strings.ReplaceAll(name, ".", "-")
			recorder := command(ctx, t, address, "join", room, "--identity", "recorder", "--record-to", dir, "--json")
			var events bytes.Buffer
			recorder.Stdout = &events
			if err := recorder.Start(); err != nil {
				t.Fatal(err)
			}
			out, err := command(ctx, t, address, "join", room, "--identity", "the film/maker", "--audio", sound, "--video", film(t, name, args...), "--fps", "15").Output()
			if err != nil {
				t.Fatalf("publisher: %v\n%s", err, out)
			}
			if !strings.Contains(string(out), "published") || !strings.Contains(string(out), "left  frames") {
				t.Errorf("publisher says\n%s", out)
			}
			if err := recorder.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if err := recorder.Wait(); err != nil {
				t.Fatalf("recorder: %v\n%s", err, events.String())
			}
			for _, path := range recorded(t, events.Bytes()) {
				if !strings.HasPrefix(filepath.Base(path), "the_film_maker-TR_") {
					t.Errorf("recorded as %s", filepath.Base(path))
				}
				least := 20 // of 45 pictures: it begins with a key frame, one in fifteen
				if strings.HasSuffix(path, ".ogg") {
					least = 100 // of 150 packets
				}
				if got := frames(t, path); got < least {
					t.Errorf("%s holds %d frames, want at least %d", path, got, least)
				}
			}
		})
	}
}

func command(ctx context.Context, t *testing.T, address string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, append(args, "--url", address, "--api-key", "devkey", "--api-secret", "secret")...)
	cmd.Dir, cmd.Stderr = t.TempDir(), t.Output()
	return cmd
}

// recorded are the files that a recorder tells of.
func recorded(t *testing.T, events []byte) (paths []string) {
	t.Helper()
	seen := map[string]bool{}
	for line := range bytes.Lines(events) {
		var e struct{ Event, File, Identity string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		seen[e.Event] = true
		if e.Event == "recorded" {
			paths = append(paths, e.File)
		}
	}
	for _, want := range []string{"joined", "participant joined", "receiving", "recorded", "participant left", "left"} {
		if !seen[want] {
			t.Errorf("nothing told of %q:\n%s", want, events)
		}
	}
	if len(paths) != 2 {
		t.Fatalf("recorded %v, want two files\n%s", paths, events)
	}
	return paths
}

// frames lets ffprobe decode a file and counts its frames.
func frames(t *testing.T, path string) int {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		info, _ := os.Stat(path)
		t.Fatalf("ffprobe says %q of %s, %d bytes", out, path, info.Size())
	}
	return n
}

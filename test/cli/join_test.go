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
		"any.h264": {"-c:v", "libx264", "-g", "15", "-sc_threshold", "0", "-bf", "0", "-profile:v", "baseline", "-pix_fmt", "yuv420p"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			dir, room := t.TempDir(), strings.ReplaceAll(name, ".", "-")
			recorder := command(ctx, t, address, "join", room, "--identity", "recorder", "--record-to", dir, "--json")
			events, err := os.Create(filepath.Join(t.TempDir(), "events"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = events.Close() }()
			recorder.Stdout = events
			if err := recorder.Start(); err != nil {
				t.Fatal(err)
			}
			out, err := command(ctx, t, address, "join", room, "--identity", "the film/maker", "--audio", sound, "--video", film(t, name, args...)).Output()
			if err != nil {
				t.Fatalf("publisher: %v\n%s", err, out)
			}
			if !strings.Contains(string(out), "published") || !strings.Contains(string(out), "left  frames") {
				t.Errorf("publisher says\n%s", out)
			}
			awaitText(ctx, t, events.Name(), `"participant left"`)
			if err := recorder.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if err := recorder.Wait(); err != nil {
				t.Fatalf("recorder: %v", err)
			}
			for path, told := range recorded(t, text(t, events.Name())) {
				if !strings.HasPrefix(filepath.Base(path), "the_film_maker-TR_") {
					t.Errorf("recorded as %s", filepath.Base(path))
				}
				all, film := frames(t, path)
				// The record begins with a key frame, one in fifteen, and goes on without a gap to the end of the film.
				if !strings.HasSuffix(path, ".ogg") && film != 45 && film != 30 {
					t.Errorf("%s holds %d pictures of 45, want all or all but the first 15", path, film)
				}
				if strings.HasSuffix(path, ".ogg") && (all < 100 || all > 151) { // of the 151 packets
					t.Errorf("%s holds %d packets of 151", path, all)
				}
				if all != told {
					t.Errorf("%s holds %d frames, told of were %d", path, all, told)
				}
			}
		})
	}
}

// awaitText polls a file that somebody writes.
func awaitText(ctx context.Context, t *testing.T, path, want string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !bytes.Contains(text(t, path), []byte(want)) {
		select {
		case <-ctx.Done():
			t.Fatalf("no %s in\n%s", want, text(t, path))
		case <-tick.C:
		}
	}
}

func text(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func command(ctx context.Context, t *testing.T, address string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, append(args, "--url", address, "--api-key", "devkey", "--api-secret", "secret")...)
	cmd.Dir, cmd.Stderr = t.TempDir(), t.Output()
	return cmd
}

// recorded are the files that a recorder tells of, and how many frames it says are in them.
func recorded(t *testing.T, events []byte) map[string]int {
	t.Helper()
	seen, paths := map[string]bool{}, map[string]int{}
	for line := range bytes.Lines(events) {
		var e struct {
			Event, File string
			Frames      int
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		seen[e.Event] = true
		if e.Event == "recorded" {
			paths[e.File] = e.Frames
		}
	}
	for _, want := range []string{"joined", "participant joined", "track published", "receiving", "recorded", "participant left", "left"} {
		if !seen[want] {
			t.Errorf("nothing told of %q:\n%s", want, events)
		}
	}
	if len(paths) != 2 {
		t.Fatalf("recorded %v, want two files\n%s", paths, events)
	}
	return paths
}

// frames lets ffmpeg decode a file, in which it may find nothing wrong, and counts all its frames, and those of the film:
// the server ends VP8 and H264 with black pictures of less than a hundred bytes.
func frames(t *testing.T, path string) (all, film int) {
	t.Helper()
	for _, size := range strings.Fields(ffprobe(t, path, "packet=size")) {
		bytes, err := strconv.Atoi(strings.Trim(size, ","))
		if err != nil {
			t.Fatal(err)
		}
		if all++; bytes >= 100 {
			film++
		}
	}
	if decoded, err := strconv.Atoi(ffprobe(t, path, "stream=nb_read_frames")); err != nil || (decoded != all && !strings.HasSuffix(path, ".ogg")) {
		t.Errorf("%s holds %d frames, of which %d can be decoded; %v", path, all, decoded, err)
	}
	return all, film
}

func ffprobe(t *testing.T, path, entry string) string {
	t.Helper()
	cmd := exec.Command("ffprobe", "-v", "error", "-count_packets", "-count_frames", "-show_entries", entry, "-of", "csv=p=0", path)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("ffprobe %s: %v\n%s", path, err, complaints.String())
	}
	return strings.TrimSpace(string(out))
}

// TestJoinLoops: files that are not of one length begin anew together, without a jump in the record.
func TestJoinLoops(t *testing.T) {
	address, _ := begin(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	recorder := command(ctx, t, address, "join", "loop", "--record-to", dir, "--duration", "8s", "--json")
	var events bytes.Buffer
	recorder.Stdout = &events
	if err := recorder.Start(); err != nil {
		t.Fatal(err)
	}
	sound := film(t, "short.ogg", "-t", "0.9", "-c:a", "libopus", "-ac", "2")
	picture := film(t, "short.ivf", "-t", "1", "-c:v", "libvpx", "-g", "15")
	if out, err := command(ctx, t, address, "join", "loop", "--audio", sound, "--video", picture, "--loop", "--duration", "5s").Output(); err != nil {
		t.Fatalf("publisher: %v\n%s", err, out)
	}
	if err := recorder.Wait(); err != nil {
		t.Fatal(err)
	}
	for path := range recorded(t, events.Bytes()) {
		frames(t, path)
		last := -1.0
		for _, at := range strings.Fields(ffprobe(t, path, "packet=pts_time")) {
			now, err := strconv.ParseFloat(strings.Trim(at, ","), 64)
			if err != nil {
				t.Fatal(err)
			}
			if last >= 0 && (now <= last || now > last+0.1) {
				t.Errorf("%s jumps from %.3f s to %.3f s", filepath.Base(path), last, now)
			}
			last = now
		}
		if last < 3.5 || last > 5.2 {
			t.Errorf("%s is %.1f s long, want nearly 5", filepath.Base(path), last)
		}
	}
}

// TestJoinBadFiles: what cannot be published is refused before anybody joins, and a file that turns out to be cut off ends
// the stay with status 1.
func TestJoinBadFiles(t *testing.T) {
	address, _ := begin(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	picture := film(t, "a.ivf", "-t", "1", "-c:v", "libvpx")
	whole, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.ivf")
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	sound := film(t, "long.ogg", "-c:a", "libopus", "-ac", "2")
	silent := filepath.Join(t.TempDir(), "silent.ogg")
	if raw, err := os.ReadFile(sound); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(silent, raw[:bytes.LastIndex(raw[:1024], []byte("OggS"))], 0o600); err != nil { // headers alone
		t.Fatal(err)
	}
	reordered := film(t, "b.h264", "-t", "1", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p")
	mute, err := exec.Command(binary, "create-token", "--join", "--room", "r", "--identity", "ada", "--no-can-publish", "--api-key", "devkey", "--api-secret", "secret").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"r", "--audio", picture}, 2, "meet: --audio: " + picture + " holds video/VP8\n"},
		{[]string{"r", "--video", reordered}, 2, "B-frames"},
		{[]string{"r", "--video", cut, "--audio", sound, "--loop"}, 1, "meet: read " + cut + ": the IVF file is cut off or damaged\n"},
		{[]string{"r", "--audio", silent, "--loop"}, 1, "meet: there is nothing to play in the files\n"},
		{[]string{"--token", strings.TrimSpace(string(mute)), "--video", picture}, 1, "the server refused it"},
	} {
		t.Run(tt.says, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := command(ctx, t, address, append([]string{"join"}, tt.args...)...)
			var said bytes.Buffer
			cmd.Stderr = &said
			_ = cmd.Run() // the status is looked at
			if got := cmd.ProcessState.ExitCode(); got != tt.status || !strings.Contains(said.String(), tt.says) || strings.Count(said.String(), "\n") != 1 {
				t.Errorf("status %d, want %d with one sentence of %q; it says\n%s", got, tt.status, tt.says, said.String())
			}
		})
	}
}

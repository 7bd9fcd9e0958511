package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// makeFile uses ffmpeg to create a file with three seconds of a test video or of a tone.
func makeFile(t *testing.T, name string, args ...string) string {
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

// One process publishes files of every codec and another records them. The recordings have all frames.
func TestJoinRecordsEveryCodecThatJoinPublishes(t *testing.T) {
	address, _ := startServer(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	audio := makeFile(t, "a.ogg", "-c:a", "libopus", "-ac", "2")
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
			room := strings.ReplaceAll(name, ".", "-")
			events, stop := startRecorder(ctx, t, address, room)
			out, err := clientCommand(ctx, t, address, "join", room, "--identity", "the video/maker", "--audio", audio, "--video", makeFile(t, name, args...)).Output()
			if err != nil {
				t.Fatalf("publisher: %v\n%s", err, out)
			}
			if !strings.Contains(string(out), "published") || !strings.Contains(string(out), "left  frames") {
				t.Errorf("output of the publisher:\n%s", out)
			}
			waitForText(ctx, t, events, `"participant left"`)
			stop()
			for path, stated := range recordedFiles(t, readFile(t, events), 2) {
				if !strings.HasPrefix(filepath.Base(path), "the_video_maker-TR_") {
					t.Errorf("recorded as %s", filepath.Base(path))
				}
				all, large := countFrames(t, path)
				if !strings.HasSuffix(path, ".ogg") && !isComplete(large, 45, out, 45+151) {
					t.Errorf("%s contains %d of 45 video frames", path, large)
				}
				if strings.HasSuffix(path, ".ogg") && !isComplete(all, 151, out, 45+151) {
					t.Errorf("%s contains %d of 151 packets", path, all)
				}
				if all != stated {
					t.Errorf("%s contains %d frames, the event states %d", path, all, stated)
				}
			}
		})
	}
}

// startRecorder starts a recorder in a room. It returns the file with its events and a function that stops it.
func startRecorder(ctx context.Context, t *testing.T, address, room string) (events string, stop func()) {
	t.Helper()
	recorder := clientCommand(ctx, t, address, "join", room, "--identity", "recorder", "--record-to", t.TempDir(), "--json")
	f, err := os.Create(filepath.Join(t.TempDir(), "events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // only the recorder writes to it
	recorder.Stdout = f
	if err := recorder.Start(); err != nil {
		t.Fatal(err)
	}
	return f.Name(), func() {
		t.Helper()
		if err := recorder.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := recorder.Wait(); err != nil {
			t.Fatalf("recorder: %v", err)
		}
	}
}

// isComplete reports whether a recording with this number of frames is complete. The published file has want frames.
//
// On a busy machine, the publisher may restart its files because the recorder has missed the first key frame. Then the
// recording may have more frames. isComplete detects a restart from the publisher's output, which states how many frames
// it sent in total. Without a restart, that is sentOnce.
func isComplete(frames, want int, publisher []byte, sentOnce int) bool {
	restarted := !bytes.Contains(publisher, fmt.Appendf(nil, "left  frames %d ", sentOnce))
	return frames == want || restarted && frames > want
}

// waitForText polls a file until it contains the text.
func waitForText(ctx context.Context, t *testing.T, path, want string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !bytes.Contains(readFile(t, path), []byte(want)) {
		select {
		case <-ctx.Done():
			t.Fatalf("no %s in\n%s", want, readFile(t, path))
		case <-tick.C:
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// clientCommand returns a command with the server's address and API key.
func clientCommand(ctx context.Context, t *testing.T, address string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, append(args, "--url", address, "--api-key", "devkey", "--api-secret", "secret")...)
	cmd.Dir, cmd.Stderr = t.TempDir(), t.Output()
	return cmd
}

// recordedFiles returns the number of frames of each file that a recorder's events report as recorded. It fails the test
// if the number of files is not want.
func recordedFiles(t *testing.T, events []byte, want int) map[string]int {
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
			t.Errorf("no event %q:\n%s", want, events)
		}
	}
	if len(paths) != want {
		t.Fatalf("recorded %v, want %d files\n%s", paths, want, events)
	}
	return paths
}

// countFrames decodes a file with ffmpeg, which must find no errors. It returns the number of all frames and the
// number of frames with at least 100 bytes: when a VP8 or H264 track ends, the server adds smaller black frames.
func countFrames(t *testing.T, path string) (all, large int) {
	t.Helper()
	for _, size := range strings.Fields(ffprobe(t, path, "packet=size")) {
		bytes, err := strconv.Atoi(strings.Trim(size, ","))
		if err != nil {
			t.Fatal(err)
		}
		if all++; bytes >= 100 {
			large++
		}
	}
	if decoded, err := strconv.Atoi(ffprobe(t, path, "stream=nb_read_frames")); err != nil || (decoded != all && !strings.HasSuffix(path, ".ogg")) {
		t.Errorf("%s contains %d frames, of which %d can be decoded; %v", path, all, decoded, err)
	}
	return all, large
}

// ffprobe returns the values of an entry in a file. ffprobe must find no errors.
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

// Files of different durations restart together, and the recordings have no gaps.
func TestJoinRestartsLoopedFilesTogether(t *testing.T) {
	address, _ := startServer(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	recorder := clientCommand(ctx, t, address, "join", "loop", "--record-to", dir, "--duration", "8s", "--json")
	var events bytes.Buffer
	recorder.Stdout = &events
	if err := recorder.Start(); err != nil {
		t.Fatal(err)
	}
	audio := makeFile(t, "short.ogg", "-t", "0.9", "-c:a", "libopus", "-ac", "2")
	video := makeFile(t, "short.ivf", "-t", "1", "-c:v", "libvpx", "-g", "15")
	if out, err := clientCommand(ctx, t, address, "join", "loop", "--audio", audio, "--video", video, "--loop", "--duration", "5s").Output(); err != nil {
		t.Fatalf("publisher: %v\n%s", err, out)
	}
	if err := recorder.Wait(); err != nil {
		t.Fatal(err)
	}
	for path := range recordedFiles(t, events.Bytes(), 2) {
		countFrames(t, path)
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

// The recorder receives all frames from the first one, though the files have few key frames. The H264 file has
// parameter sets only at its beginning, and more zeros before the first start code than usual.
func TestJoinPlaysFilesFromTheFirstFrame(t *testing.T) {
	address, _ := startServer(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	for name, args := range map[string][]string{
		"one.ivf": {"-c:v", "libvpx", "-g", "999"}, "30.ivf": {"-c:v", "libvpx", "-g", "30"}, "60.ivf": {"-c:v", "libvpx", "-g", "60"}, "128.ivf": {"-c:v", "libvpx", "-g", "128"},
		"sets.h264": {"-c:v", "libx264", "-g", "30", "-sc_threshold", "0", "-bf", "0", "-pix_fmt", "yuv420p"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			path := makeFile(t, name, append([]string{"-vf", "settb=1/40,setpts=N/40/TB", "-r", "40"}, args...)...) // 45 frames in little more than a second
			if strings.HasSuffix(name, ".h264") {
				keepFirstParameterSets(t, path)
			}
			events, stop := startRecorder(ctx, t, address, name)
			waitForText(ctx, t, events, `"joined"`)
			out, err := clientCommand(ctx, t, address, "join", name, "--video", path).Output()
			if err != nil {
				t.Fatalf("publisher: %v\n%s", err, out)
			}
			waitForText(ctx, t, events, `"participant left"`)
			stop()
			for record := range recordedFiles(t, readFile(t, events), 1) {
				if _, large := countFrames(t, record); !isComplete(large, 45, out, 45) {
					t.Errorf("%d of 45 frames", large)
				}
				if firstFrame(t, record) != firstFrame(t, path) {
					t.Error("the recording does not begin with the first frame of the file")
				}
			}
		})
	}
}

// firstFrame returns a hash of the first video frame in a file.
func firstFrame(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-f", "md5", "-").Output()
	if err != nil {
		t.Fatalf("ffmpeg %s: %v", path, err)
	}
	return string(out)
}

// keepFirstParameterSets removes all parameter sets of an H264 file except those before the first frame, and adds a
// zero before the first start code.
func keepFirstParameterSets(t *testing.T, path string) {
	t.Helper()
	var out []byte
	for i, unit := range bytes.Split(readFile(t, path), []byte{0, 0, 1})[1:] {
		if kind := unit[0] & 0x1f; i < 3 || (kind != 7 && kind != 8) {
			out = append(append(out, 0, 0, 0, 1), bytes.TrimRight(unit, "\x00")...)
		}
	}
	if err := os.WriteFile(path, append([]byte{0}, out...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The damaged or truncated file is reported once, and the session continues.
func TestJoinReportsDamagedFileOnceAndStays(t *testing.T) {
	address, _ := startServer(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	for flag, whole := range map[string][]byte{
		"--video": readFile(t, makeFile(t, "a.ivf", "-t", "0.5", "-c:v", "libvpx")), "--audio": readFile(t, makeFile(t, "a.ogg", "-t", "0.5", "-c:a", "libopus", "-page_duration", "100000", "-ac", "2")),
	} {
		for name, content := range map[string][]byte{"truncated": whole[:len(whole)-5], "trailing data": append(bytes.Clone(whole), "and so on"...)} {
			for _, option := range []string{"--loop", "--stay"} {
				t.Run(flag+" "+name+" "+option, func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					path := filepath.Join(t.TempDir(), name)
					if err := os.WriteFile(path, content, 0o600); err != nil {
						t.Fatal(err)
					}
					out, err := clientCommand(ctx, t, address, "join", "r", flag, path, option, "--duration", "1500ms", "--json").Output()
					if err != nil {
						t.Errorf("%v\n%s", err, out)
					}
					if bytes.Count(out, []byte(`"file ends early"`)) != 1 || !bytes.Contains(out, []byte(`"reason":"it is truncated or damaged"`)) || !bytes.Contains(out, []byte(`"left"`)) {
						t.Errorf("the output is\n%s", out)
					}
				})
			}
		}
	}
}

// The error is reported before anything is published.
func TestJoinRefusesFilesItCannotPublish(t *testing.T) {
	address, _ := startServer(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	video := makeFile(t, "a.ivf", "-t", "1", "-c:v", "libvpx")
	audio := makeFile(t, "long.ogg", "-c:a", "libopus", "-ac", "2")
	silent := filepath.Join(t.TempDir(), "silent.ogg")
	if raw, err := os.ReadFile(audio); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(silent, raw[:bytes.LastIndex(raw[:1024], []byte("OggS"))], 0o600); err != nil { // only headers
		t.Fatal(err)
	}
	reordered := makeFile(t, "b.h264", "-t", "1", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p")
	deep := makeFile(t, "b.h264", "-t", "1", "-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p10le")
	webm := makeFile(t, "a.webm", "-t", "1", "-c:v", "libvpx")
	mute, err := exec.Command(binary, "create-token", "--join", "--room", "r", "--identity", "ada", "--no-can-publish", "--api-key", "devkey", "--api-secret", "secret").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"r", "--audio", video}, 2, "meet: --audio: " + video + " contains video/VP8\n"},
		{[]string{"r", "--video", reordered}, 2, "B-frames"},
		{[]string{"r", "--video", deep}, 2, "its pixel format is not 8-bit 4:2:0"},
		{[]string{"r", "--video", webm}, 2, "it is video/webm, want IVF (VP8, VP9 or AV1), H264 (Annex B) or Ogg (Opus); make one with ffmpeg -i FILE -c:v libvpx -b:v 1M -g 60 video.ivf\n"},
		{[]string{"r", "--audio", webm}, 2, "; make one with ffmpeg -i FILE -vn -c:a libopus -ac 2 audio.ogg\n"},
		{[]string{"r", "--audio", silent, "--loop"}, 1, "meet: the files contain no frames\n"},
		{[]string{"--token", strings.TrimSpace(string(mute)), "--video", video}, 1, "the server refused the track"},
	} {
		t.Run(tt.says, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := clientCommand(ctx, t, address, append([]string{"join"}, tt.args...)...)
			var output bytes.Buffer
			cmd.Stderr = &output
			_ = cmd.Run() // the exit status is checked below
			if got := cmd.ProcessState.ExitCode(); got != tt.status || !strings.Contains(output.String(), tt.says) || strings.Count(output.String(), "\n") != 1 {
				t.Errorf("status %d, want %d with one line that contains %q; the output is\n%s", got, tt.status, tt.says, output.String())
			}
		})
	}
}

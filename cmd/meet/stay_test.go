package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"

	"meet/internal/app"
	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey, testSecret = "key", "a secret of more than thirty-two characters"

// serving runs the whole server in this process until stop, or the test's end.
func serving(t *testing.T) (address string, stop func()) {
	t.Helper()
	cfg := config.Default()
	cfg.Listen, cfg.DataDir = "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
	cfg.Keys = []config.Key{{Name: testKey, Secret: testSecret}}
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { // ends with stop
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return "http://" + a.Addr().String(), stop
}

// output is what a command prints, while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// running is a command.
type running struct {
	out, errs output
	cancel    context.CancelFunc // as Ctrl-C does
	status    chan int
}

// begin runs a command against a server.
func begin(t *testing.T, address string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{cancel: cancel, status: make(chan int, 1)}
	args = append(args, "--url", address, "--api-key", testKey, "--api-secret", testSecret)
	go func() { r.status <- run(ctx, args, world{nil, strings.NewReader(""), &r.out, &r.errs}) }() // ends with cancel
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("%s says\n%s%s", args[0], r.out.String(), r.errs.String())
		}
	})
	return r
}

// ends waits until the command has ended with that status.
func (r *running) ends(t *testing.T, want int) {
	t.Helper()
	select {
	case got := <-r.status:
		if got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
}

// says waits until the command has printed all of that.
func (r *running) says(t *testing.T, want ...string) {
	t.Helper()
	poll(t, func() string {
		for _, one := range want {
			if !strings.Contains(r.out.String(), one) {
				return "nothing said of " + one
			}
		}
		return ""
	})
}

func poll(t *testing.T, wrong func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for reason := wrong(); reason != ""; reason = wrong() {
		select {
		case <-ctx.Done():
			t.Fatalf("gave up waiting: %s", reason)
		case <-tick.C:
		}
	}
}

// enter lets somebody join from the test.
func enter(t *testing.T, address, room, identity string) *client.Client {
	t.Helper()
	raw, err := token.New(testKey, testSecret).SetIdentity(identity).SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: room}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Join(t.Context(), strings.Replace(address, "http", "ws", 1), raw, client.Options{HostOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // has left, mostly
	return c
}

// keyPicture is the beginning of a VP8 key frame of 16 by 16.
var keyPicture = []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00}

// TestStayTells: join tells who comes and goes, what they publish, mute and say, in both forms.
func TestStayTells(t *testing.T) {
	address, _ := serving(t)
	people, programs := begin(t, address, "join", "blue", "--identity", "bot"), begin(t, address, "join", "blue", "--identity", "bot2", "--json")
	people.says(t, "joined  room blue  identity bot", "participant joined  identity bot2")
	programs.says(t, `"event":"joined"`)
	ada := enter(t, address, "blue", "ada")
	pub, err := ada.Publish(t.Context(), client.PublishOptions{Name: "lens", MimeType: "video/VP8", Width: 16, Height: 16})
	if err != nil {
		t.Fatal(err)
	}
	poll(t, func() string {
		if err := pub.WriteFrame(keyPicture, 50*time.Millisecond); err != nil {
			return err.Error()
		}
		if !strings.Contains(people.out.String(), "receiving  track "+pub.SID()) {
			return "nothing is received"
		}
		return ""
	})
	people.says(t, "participant joined  identity ada", "track published  track "+pub.SID()+"  codec video/vp8  source CAMERA  name lens  from ada", "codec video/vp8  from ada")
	for _, m := range []*livekit.DataPacket{
		{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("raw\x1b[2J"), Topic: new("signals")}}},
		{Value: &livekit.DataPacket_ChatMessage{ChatMessage: &livekit.ChatMessage{Message: "old chat"}}},
		{Value: &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{StreamId: "s", Topic: "lk.chat", ContentHeader: &livekit.DataStream_Header_TextHeader{}}}},
		{Value: &livekit.DataPacket_StreamChunk{StreamChunk: &livekit.DataStream_Chunk{StreamId: "s", Content: []byte("new ")}}},
		{Value: &livekit.DataPacket_StreamChunk{StreamChunk: &livekit.DataStream_Chunk{StreamId: "s", ChunkIndex: 1, Content: []byte("chat")}}},
		{Value: &livekit.DataPacket_StreamTrailer{StreamTrailer: &livekit.DataStream_Trailer{StreamId: "s"}}},
		{Value: &livekit.DataPacket_StreamHeader{StreamHeader: &livekit.DataStream_Header{StreamId: "f", ContentHeader: &livekit.DataStream_Header_ByteHeader{ByteHeader: &livekit.DataStream_ByteHeader{Name: "a.pdf"}}}}},
	} {
		if err := ada.PublishData(t.Context(), livekit.DataPacket_RELIABLE, m); err != nil {
			t.Fatal(err)
		}
	}
	people.says(t, "data  from ada  topic signals  text raw·[2J", "message  from ada  text old chat", "message  from ada  topic lk.chat  text new chat", "file  from ada  topic -  name a.pdf")
	if err := pub.SetMuted(true); err != nil {
		t.Fatal(err)
	}
	people.says(t, "track muted  track "+pub.SID()+"  from ada")
	if err := ada.Unpublish(t.Context(), pub); err != nil {
		t.Fatal(err)
	}
	people.says(t, "track unpublished  track "+pub.SID())
	if err := ada.Leave(); err != nil {
		t.Fatal(err)
	}
	people.says(t, "participant left  identity ada")
	programs.says(t, "new chat", "participant left")
	people.cancel()
	people.ends(t, 0)
	people.says(t, "left  frames 0")
	programs.cancel()
	programs.ends(t, 0)
	for line := range strings.Lines(programs.out.String()) {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == "" {
			t.Errorf("%v in %s", err, line)
		}
	}
}

// TestStayEnds: who is put out, or whose server ends, is told so, and the status is 1.
func TestStayEnds(t *testing.T) {
	address, stop := serving(t)
	removed, left := begin(t, address, "join", "red", "--identity", "out"), begin(t, address, "join", "red", "--identity", "in")
	removed.says(t, "joined")
	left.says(t, "joined")
	begin(t, address, "remove-participant", "red", "out").ends(t, 0)
	removed.ends(t, 1)
	if !strings.Contains(removed.errs.String(), "PARTICIPANT_REMOVED") {
		t.Errorf("it says %s", removed.errs.String())
	}
	stop()
	left.ends(t, 1)
	if !strings.Contains(left.errs.String(), "the stay is over") {
		t.Errorf("it says %s", left.errs.String())
	}
}

// TestStayInterrupted: Ctrl-C ends even a join that gets no answer, without an error.
func TestStayInterrupted(t *testing.T) {
	asked := make(chan struct{}, 10)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer silent.Close()
	r := begin(t, silent.URL, "join", "r")
	<-asked
	r.cancel()
	r.ends(t, 0)
}

// TestStayCannotRecord: what cannot be recorded ends the stay with status 1.
func TestStayCannotRecord(t *testing.T) {
	address, _ := serving(t)
	dir := t.TempDir()
	r := begin(t, address, "join", "green", "--record-to", dir)
	r.says(t, "joined")
	ada := enter(t, address, "green", "ada")
	pub, err := ada.Publish(t.Context(), client.PublishOptions{MimeType: "audio/opus", DisableRED: true})
	if err != nil {
		t.Fatal(err)
	}
	// No file can be made in a folder that is gone.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var status int
	poll(t, func() string {
		if err := pub.WriteFrame([]byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond); err != nil {
			return err.Error()
		}
		select {
		case status = <-r.status:
			return ""
		default:
			return "it goes on"
		}
	})
	if status != 1 || !strings.Contains(r.errs.String(), fmt.Sprintf("track %s, audio/opus: record: open %s", pub.SID(), dir)) {
		t.Errorf("status %d, %s", status, r.errs.String())
	}
}

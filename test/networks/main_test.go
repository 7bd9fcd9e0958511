package networks_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/networks"
	"meet/test/program"
)

// testTimeout is how long a test may take on a busy machine before it fails.
const testTimeout = 3 * time.Minute

// clientVariable is the environment variable with the clientOptions. If it is set, this program is a client, because a
// process is in one namespace, and a test needs clients in several.
const clientVariable = "MEET_NETWORKS_CLIENT"

// meet is the path of the binary.
var meet string

func TestMain(m *testing.M) {
	if options := os.Getenv(clientVariable); options != "" {
		if err := runClient(options); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	program.Main(m, &meet)
}

// The API key of all servers.
const apiKey, apiSecret = "key", "a-secret-that-is-long-enough-for-hs256"

// clientOptions are the arguments of a client process.
type clientOptions struct {
	URL, Identity string
}

// clientEvent is a line of a client's output. One of the fields is set.
type clientEvent struct {
	Candidate string `json:",omitempty"` // of the server, such as "udp 192.0.2.7"
	Receives  bool   `json:",omitempty"` // audio of another client has arrived
}

// runClient joins the room, publishes audio, and reports events until standard input ends.
func runClient(options string) (err error) {
	var o clientOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	jwt, err := token.New(apiKey, apiSecret).SetIdentity(o.Identity).SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: "room"}).ToJWT()
	if err != nil {
		return err
	}
	c, err := client.Join(ctx, o.URL, jwt, client.Options{
		SinglePC:   true,
		ClientInfo: &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Chrome"}, // supports ICE over TCP
		SettingEngine: func(e *webrtc.SettingEngine) {
			e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
		},
		OnSignal: reportCandidates,
		OnTrack:  reportAudio,
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Leave() }() // the test has ended
	audio, err := c.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus, DisableDTX: true})
	if err != nil {
		return err
	}
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-tick.C:
			if err := audio.WriteFrame([]byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// output prevents events from being mixed.
var output sync.Mutex

// report prints an event.
func report(e clientEvent) {
	output.Lock()
	defer output.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(e) // if the test has ended, nobody reads it
}

// reportCandidates reports the candidates in the descriptions of the server.
func reportCandidates(m *livekit.SignalResponse) {
	for _, d := range []*livekit.SessionDescription{m.GetAnswer(), m.GetOffer()} {
		for line := range strings.Lines(d.GetSdp()) {
			if fields := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && len(fields) > 4 {
				report(clientEvent{Candidate: fields[2] + " " + fields[4]})
			}
		}
	}
}

// reportAudio reports when 20 packets of a track have arrived.
func reportAudio(t *client.RemoteTrack) {
	for range 20 {
		if _, err := t.ReadRTP(); err != nil {
			return
		}
	}
	report(clientEvent{Receives: true})
	t.Drain()
}

// process is a client in a process of its own.
type process struct {
	t        *testing.T
	mu       sync.Mutex
	offered  []string // candidates of the server, best first
	receives atomic.Bool
}

// join starts a client on a host, with the name of the host as its identity.
func join(ctx context.Context, t *testing.T, h *networks.Host, url string) *process {
	t.Helper()
	options, err := json.Marshal(clientOptions{URL: url, Identity: h.Name})
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.Command(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), clientVariable+"="+string(options))
	cmd.Stderr = t.Output()
	p := &process{t: t}
	start(t, cmd, func(line string) {
		var e clientEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("the client on %s printed %q", h.Name, line)
		}
		if e.Receives {
			p.receives.Store(true)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if e.Candidate != "" && !slices.Contains(p.offered, e.Candidate) {
			p.offered = append(p.offered, e.Candidate)
		}
	})
	return p
}

// candidates returns the candidates that the server has offered, sorted.
func (p *process) candidates() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(slices.Values(p.offered))
}

// start starts a command and passes the lines of its output to onLine. The end of the test ends the command and waits.
func start(t *testing.T, cmd *exec.Cmd, onLine func(string)) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { // ends with the process
		for lines := bufio.NewScanner(out); lines.Scan(); {
			onLine(lines.Text())
		}
	})
	t.Cleanup(func() {
		_ = in.Close()                          // clients end
		_ = cmd.Process.Signal(syscall.SIGTERM) // servers end
		reading.Wait()
		_ = cmd.Wait() // the status of an ended process does not matter
	})
}

// server is a server in a process of its own.
type server struct {
	mu  sync.Mutex
	log strings.Builder
}

// Write adds a part of the log.
func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// logged reports whether the log contains text.
func (s *server) logged(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.log.String(), text)
}

// serve starts a server with the given flags on port 8080 of a host, and waits until it listens.
func serve(ctx context.Context, t *testing.T, h *networks.Host, flags ...string) *server {
	t.Helper()
	flags = append([]string{"serve", "--listen", ":8080", "--data-dir", filepath.Join(t.TempDir(), "data"), "--keys", apiKey + ": " + apiSecret}, flags...)
	s := &server{}
	cmd := h.Command(ctx, meet, flags...)
	cmd.Dir, cmd.Stderr = t.TempDir(), s
	listening := make(chan struct{})
	start(t, cmd, func(line string) {
		if strings.Contains(line, "Listening") {
			close(listening)
		}
	})
	t.Cleanup(func() {
		if t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Logf("log of the server on %s:\n%s", h.Name, s.log.String())
		}
	})
	select {
	case <-listening:
	case <-ctx.Done():
		t.Fatalf("the server on %s does not listen", h.Name)
	}
	return s
}

// eventually polls until cond returns true.
func eventually(ctx context.Context, t *testing.T, description string, cond func() bool) {
	t.Helper()
	for tick := time.NewTicker(20 * time.Millisecond); !cond(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("timed out waiting until %s", description)
		}
	}
}

// hold waits until all clients receive audio of each other.
func hold(ctx context.Context, t *testing.T, clients ...*process) {
	t.Helper()
	for i, p := range clients {
		eventually(ctx, t, fmt.Sprintf("client %d receives audio", i), p.receives.Load)
	}
}

// both returns the UDP and TCP candidates with the given addresses, sorted.
func both(addresses ...string) (all []string) {
	for _, protocol := range []string{"tcp", "udp"} {
		for _, a := range addresses {
			all = append(all, protocol+" "+a)
		}
	}
	slices.Sort(all)
	return all
}

// wantCandidates fails the test unless the server has offered UDP and TCP candidates with exactly the given addresses.
func (p *process) wantCandidates(addresses ...string) {
	p.t.Helper()
	if got, want := p.candidates(), both(addresses...); !slices.Equal(got, want) {
		p.t.Errorf("offered %q, want %q", got, want)
	}
}

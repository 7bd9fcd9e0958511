package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey, testSecret = "key", "a secret of more than thirty-two characters"

// serving runs the whole server in this process until stop, or the test's end.
func serving(t *testing.T) (address string, stop func()) {
	t.Helper()
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{{Name: testKey, Secret: testSecret}}
	s := harness.Start(t, cfg)
	return s.URL(), func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
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

// through is a TCP port that leads to a server, and what cuts the connections through it.
func through(t *testing.T, server string) (address string, cut func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	var work sync.WaitGroup
	cut = func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
		open = nil
	}
	work.Go(func() { // ends with l
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				_ = in.Close()
				continue
			}
			mu.Lock()
			open = append(open, in, out)
			mu.Unlock()
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				work.Go(func() { // ends with either connection
					_, _ = io.Copy(way[0], way[1])
					_ = way[0].Close()
					_ = way[1].Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		cut()
		work.Wait()
	})
	return "http://" + l.Addr().String(), cut
}

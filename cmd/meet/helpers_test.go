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

// startServer runs the server in this process until stop is called or the test ends.
func startServer(t *testing.T) (address string, stop func()) {
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

// syncBuffer is a buffer for the output of a running command.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *syncBuffer) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *syncBuffer) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// runningCommand is a command that runs in the background.
type runningCommand struct {
	out, errs syncBuffer
	cancel    context.CancelFunc // has the same effect as Ctrl-C
	status    chan int
}

// startCommand runs a command with the server's address and API key.
func startCommand(t *testing.T, address string, args ...string) *runningCommand {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &runningCommand{cancel: cancel, status: make(chan int, 1)}
	args = append(args, "--url", address, "--api-key", testKey, "--api-secret", testSecret)
	go func() { r.status <- run(ctx, args, environment{nil, strings.NewReader(""), &r.out, &r.errs}) }() // ends with cancel
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("output of %s:\n%s%s", args[0], r.out.String(), r.errs.String())
		}
	})
	return r
}

// waitExit waits until the command ends, and checks its exit status.
func (r *runningCommand) waitExit(t *testing.T, want int) {
	t.Helper()
	select {
	case got := <-r.status:
		if got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the command does not end")
	}
}

// waitOutput waits until the command has printed all of the given texts.
func (r *runningCommand) waitOutput(t *testing.T, want ...string) {
	t.Helper()
	poll(t, func() string {
		for _, one := range want {
			if !strings.Contains(r.out.String(), one) {
				return "not printed: " + one
			}
		}
		return ""
	})
}

// poll calls problem every 10 ms until it returns "", for at most 20 seconds. problem returns what is missing.
func poll(t *testing.T, problem func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for reason := problem(); reason != ""; reason = problem() {
		select {
		case <-ctx.Done():
			t.Fatalf("gave up waiting: %s", reason)
		case <-tick.C:
		}
	}
}

// joinAs joins a room of the server under the given identity.
func joinAs(t *testing.T, address, room, identity string) *client.Client {
	t.Helper()
	raw, err := token.New(testKey, testSecret).SetIdentity(identity).SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: room}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Join(t.Context(), strings.Replace(address, "http", "ws", 1), raw, client.Options{HostOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // usually left already
	return c
}

// tcpProxy forwards TCP connections to a server. It returns its address and a function that closes all connections.
func tcpProxy(t *testing.T, server string) (address string, cut func()) {
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
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				work.Go(func() { // ends with either connection
					_, _ = io.Copy(pair[0], pair[1])
					_ = pair[0].Close()
					_ = pair[1].Close()
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

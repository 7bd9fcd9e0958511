package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// shortTimeout is a timeout that expires during a test.
const shortTimeout = 100 * time.Millisecond

// serveHTTP serves HTTP with h on the port of s until the test ends.
func serveHTTP(t *testing.T, s *ProtocolMux, h http.HandlerFunc) {
	t.Helper()
	server, served := &http.Server{Handler: h}, make(chan struct{})
	go func() { // ends when Close is called below
		defer close(served)
		_ = server.Serve(s.HTTPListener())
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
}

// A client that does not read the response must not hold the connection, regardless of how the response is written.
func TestUnreadHTTPResponseFailsAfterWriteTimeout(t *testing.T) {
	const size = 64 << 20 // more than kernels buffer
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(http.ResponseWriter) error{
		"one write": func(w http.ResponseWriter) error { _, err := w.Write(make([]byte, size)); return err },
		"file": func(w http.ResponseWriter) error {
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, f)
			return err
		},
		"hijacked": func(w http.ResponseWriter) error {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = conn.Write(make([]byte, size))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestMux(t, ProtocolMuxOptions{WriteTimeout: shortTimeout})
			written := make(chan error, 1)
			serveHTTP(t, s, func(w http.ResponseWriter, _ *http.Request) { written <- write(w) })
			c := dial(t, s)
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-written:
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the write failed with %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("the write did not fail within 5 s")
				_ = c.Close()
				<-written
			}
		})
	}
}

// A client that reads all the time must receive the whole response, even if this takes longer than WriteTimeout.
func TestSlowHTTPClientReceivesTheWholeResponse(t *testing.T) {
	const timeout = 300 * time.Millisecond                     // longer than TCP takes to resume after a zero window
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MB
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newTestMux(t, ProtocolMuxOptions{WriteTimeout: timeout})
	serveHTTP(t, s, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	c := dial(t, s)
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	tick := time.NewTicker(timeout / 20)
	defer tick.Stop()
	start := time.Now()
	for range tick.C {
		if _, err := io.CopyN(&got, c, 256<<10); err != nil {
			break
		}
	}
	if took := time.Since(start); !bytes.HasSuffix(got.Bytes(), content) || took < 2*timeout {
		t.Errorf("got %d bytes in %v", got.Len(), took)
	}
}

// A write deadline replaces WriteTimeout until the deadline is set to the zero time.
func TestSetWriteDeadlineReplacesWriteTimeout(t *testing.T) {
	for name, set := range map[string]func(net.Conn){
		"SetWriteDeadline": func(c net.Conn) { _ = c.SetWriteDeadline(time.Now().Add(shortTimeout)) },
		"SetDeadline":      func(c net.Conn) { _ = c.SetDeadline(time.Now().Add(shortTimeout)) },
		"zero":             func(c net.Conn) { _ = c.SetWriteDeadline(time.Time{}) },
		"reset to zero": func(c net.Conn) {
			_ = errors.Join(c.SetDeadline(time.Now().Add(time.Hour)), c.SetDeadline(time.Time{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := time.Hour
			if name == "zero" || name == "reset to zero" {
				timeout = shortTimeout
			}
			s := newTestMux(t, ProtocolMuxOptions{WriteTimeout: timeout})
			c := dial(t, s)
			if _, err := io.WriteString(c, "GET"); err != nil {
				t.Fatal(err)
			}
			accepted, err := s.HTTPListener().Accept()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = accepted.Close() })
			set(accepted)
			watch := time.AfterFunc(5*time.Second, func() { _ = accepted.Close() })
			defer watch.Stop()
			if _, err := accepted.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the write failed with %v", err)
			}
		})
	}
}

// acceptTURN connects a TURN client that sends an Allocate request, and returns both ends of the connection.
func acceptTURN(t *testing.T, s *ProtocolMux) (client, server net.Conn) {
	t.Helper()
	client = dial(t, s)
	if _, err := client.Write(stunMessage(stunAllocate)); err != nil {
		t.Fatal(err)
	}
	server, err := s.TURNListener().Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if _, err := io.ReadFull(server, make([]byte, stunHeader)); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// A TURN client without a relay is disconnected after SniffTimeout, even if it continues to send. With a relay, the
// connection stays open.
func TestTURNConnectionWithoutRelayIsClosed(t *testing.T) {
	s := newTestMux(t, ProtocolMuxOptions{SniffTimeout: shortTimeout})
	client, server := acceptTURN(t, s)
	if _, err := server.Write(stunMessage(0x0113)); err != nil { // an Allocate error response
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() { // ends when the connection is closed
		defer close(sent)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := client.Write([]byte{0}); err != nil {
				return
			}
		}
	}()
	end := time.Now().Add(5 * time.Second)
	for err := error(nil); !errors.Is(err, os.ErrDeadlineExceeded); _, err = server.Read(make([]byte, 10)) {
		if time.Now().After(end) {
			t.Fatalf("the connection is still open: %v", err)
		}
	}
	_ = server.Close()
	<-sent

	client, server = acceptTURN(t, s)
	if _, err := server.Write(stunMessage(stunAllocateSuccess)); err != nil {
		t.Fatal(err)
	}
	later := time.AfterFunc(3*shortTimeout, func() { _, _ = client.Write([]byte("later")) })
	defer later.Stop()
	if n, err := server.Read(make([]byte, 10)); n != 5 || err != nil {
		t.Errorf("with a relay, read %d bytes, %v", n, err)
	}
}

// When one of the accepted connections has ended, a further connection must be accepted.
func TestTCPConnectionBeyondTheLimitIsClosed(t *testing.T) {
	two := ConnLimits{Total: 2, PerAddress: 2}
	refused := make(chan string, 10)
	s := newTestMux(t, ProtocolMuxOptions{HTTP: two, TURN: two, ICE: two, OnRefused: func(protocol string, total uint64) {
		if total != 1 {
			t.Errorf("%d connections refused of %s", total, protocol)
		}
		refused <- protocol
	}})
	ice, err := s.TCPMux().GetConnByUfrag("ours", false, net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	for protocol, c := range map[string]struct {
		first  []byte
		accept func() (io.Closer, error) // returns the server's end
	}{
		"HTTP": {[]byte("GET"), func() (io.Closer, error) { return s.HTTPListener().Accept() }},
		"TURN": {stunMessage(stunAllocate), func() (io.Closer, error) { return s.TURNListener().Accept() }},
		"ICE": {binding("ours:theirs"), func() (io.Closer, error) {
			_, _, err := ice.ReadFrom(make([]byte, 1500))
			return nil, err
		}},
	} {
		connect := func() net.Conn {
			conn := dial(t, s)
			if _, err := conn.Write(c.first); err != nil {
				t.Fatal(err)
			}
			return conn
		}
		var clients []net.Conn
		var servers []io.Closer
		for range 2 {
			clients = append(clients, connect())
			server, err := c.accept()
			if err != nil {
				t.Fatal(err)
			}
			servers = append(servers, server)
		}
		closedByServer(t, connect())
		select {
		case got := <-refused:
			if got != protocol {
				t.Errorf("refused a connection of %s, want %s", got, protocol)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("a third connection of %s was accepted", protocol)
		}
		_ = clients[0].Close()
		if servers[0] != nil {
			_ = servers[0].Close()
			_ = servers[0].Close() // closing twice must release only one connection
		} else {
			waitFor(t, "the ICE connection is released", func() bool {
				s.iceConns.mu.Lock()
				defer s.iceConns.mu.Unlock()
				return s.iceConns.open == 1
			})
		}
		connect()
		server, err := c.accept()
		if err != nil {
			t.Fatal(err)
		}
		closedByServer(t, connect())
		for _, open := range append(servers[1:], server) {
			if open != nil {
				_ = open.Close()
			}
		}
	}
}

// waitFor polls until done returns true. The test fails after 5 s.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

func TestConnCounterLimitsEachSourceAddressAndReportsRefusals(t *testing.T) {
	var reports []uint64
	c := newConnCounter("x", ConnLimits{Total: 5, PerAddress: 2}, ConnLimits{}, ProtocolMuxOptions{
		OnRefused: func(_ string, total uint64) { reports = append(reports, total) },
	})
	now := time.Now()
	c.now = func() time.Time { return now }
	acquire := func(want bool, addresses ...string) {
		t.Helper()
		for _, a := range addresses {
			if got := c.acquire(netip.MustParseAddr(a)); got != want {
				t.Errorf("acquire(%s) = %v, want %v", a, got, want)
			}
		}
	}
	acquire(true, "192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1")
	acquire(false, "192.0.2.1")
	acquire(true, "2001:db8::ffff:1")
	acquire(false, "2001:db8::2")
	now = now.Add(refusedReportInterval)
	acquire(true, "2001:db8:0:100::1")
	acquire(false, "192.0.2.2", "127.0.0.1") // the total limit of 5 is reached
	c.release(netip.MustParseAddr("2001:db8::1"))
	acquire(true, "2001:db8::3")
	if len(reports) != 2 || reports[0] != 1 || reports[1] != 3 {
		t.Errorf("OnRefused got %v, want 1 and 3: refusals 2 and 4 came within a minute of a report", reports)
	}
	for _, a := range []string{"127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "fe80::1%lo", "100.64.0.1", "203.0.113.9"} {
		named := netip.MustParseAddr("203.0.113.9")
		c := newConnCounter("x", ConnLimits{Total: 100, PerAddress: 1}, ConnLimits{}, ProtocolMuxOptions{IsProxy: func(a netip.Addr) bool { return a == named }})
		for range 50 {
			if !c.acquire(netip.MustParseAddr(a)) {
				t.Fatalf("%s may be a proxy, but is refused", a)
			}
		}
	}
}

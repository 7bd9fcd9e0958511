package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// newTestMux returns a ProtocolMux on a loopback port. The cleanup of the test closes it.
func newTestMux(t *testing.T, o ProtocolMuxOptions) *ProtocolMux {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewProtocolMux(l, o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// dial returns a client connection to s whose reads and writes fail after 10 s.
func dial(t *testing.T, s *ProtocolMux) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.HTTPListener().Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// binding returns a frame that contains a STUN Binding request with the given USERNAME.
func binding(username string) []byte {
	padded := (len(username) + 3) &^ 3
	m := make([]byte, 0, 64)
	m = binary.BigEndian.AppendUint16(m, uint16(stunHeader+8+4+padded))
	m = binary.BigEndian.AppendUint16(m, stunBinding)
	m = binary.BigEndian.AppendUint16(m, uint16(8+4+padded))
	m = binary.BigEndian.AppendUint32(m, stunCookie)
	m = append(m, "transaction "...)
	m = append(m, 0x00, 0x24, 0, 4, 1, 2, 3, 4) // PRIORITY
	m = binary.BigEndian.AppendUint16(m, stunUsername)
	m = binary.BigEndian.AppendUint16(m, uint16(len(username)))
	m = append(m, username...)
	return append(m, make([]byte, padded-len(username))...)
}

// frame returns b in a frame.
func frame(b string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

func TestClassifyDetectsProtocolsByFirstBytes(t *testing.T) {
	turn := append([]byte{0x00, 0x03, 0x00, 0x08, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 20)...)
	for name, c := range map[string]struct {
		first []byte
		want  protocol
	}{
		"no bytes":       {nil, undecided},
		"HTTP":           {[]byte("G"), protocolHTTP},
		"TLS":            {[]byte{0x16}, protocolTLS},
		"incomplete ICE": {binding("a:b")[:9], undecided},
		"ICE":            {binding("a:b")[:10], protocolICE},
		"TURN":           {turn, protocolTURN},
		"STUN":           {binding("")[2:], protocolTURN},
		"zeros":          {make([]byte, 10), protocolUnknown},
		"framed RTP":     {frame(strings.Repeat("\x80", 200)), protocolUnknown},
	} {
		if got := classify(c.first); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// FuzzClassifyProtocol checks that classify never changes its decision when more bytes arrive, and that the parsers of frames
// and username fragments do not panic.
func FuzzClassifyProtocol(f *testing.F) {
	f.Add(binding("local:remote"))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add(binding(""))
	f.Fuzz(func(t *testing.T, b []byte) {
		decided := undecided
		for n := range len(b) + 1 {
			k := classify(b[:n])
			if decided != undecided && k != decided {
				t.Fatalf("%v after %v", k, decided)
			}
			if k == undecided && n >= sniffBytes {
				t.Fatalf("undecided after %d bytes", n)
			}
			decided = k
		}
		if len(b) > 2 {
			if u := localFragment(b[2:]); len(u) >= len(b) {
				t.Fatalf("fragment %q", u)
			}
		}
		r := bufio.NewReaderSize(bytes.NewReader(b), frameBuffer)
		for {
			m, err := nextFrame(r)
			if err != nil {
				return
			}
			if _, err := r.Discard(2 + len(m)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestLocalUfragIsReadFromSTUNUsername(t *testing.T) {
	if u := localFragment(binding("ours:theirs")[2:]); u != "ours" {
		t.Errorf("fragment %q", u)
	}
	for _, b := range [][]byte{nil, binding("nocolon")[2:], binding("a:b")[2:30], frame("short")} {
		if u := localFragment(b); u != "" {
			t.Errorf("fragment %q in %x", u, b)
		}
	}
}

func TestHTTPAndICEShareOnePort(t *testing.T) {
	s := newTestMux(t, ProtocolMuxOptions{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(append([]byte("you said "), body...))
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.HTTPListener()) }() // ends when Close is called below
	defer func() {
		_ = server.Close()
		<-served
	}()

	conn, err := s.TCPMux().GetConnByUfrag("ours", false, net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	request := binding("ours:theirs")
	for _, b := range request { // byte by byte, as TCP may deliver them
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, 1500)
	n, from, err := conn.ReadFrom(b)
	if err != nil || !bytes.Equal(b[:n], request[2:]) || from.String() != c.LocalAddr().String() {
		t.Fatalf("read %x from %v: %v", b[:n], from, err)
	}
	if _, err := conn.WriteTo([]byte("answer"), from); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b[:8]); err != nil || !bytes.Equal(b[:8], frame("answer")) {
		t.Fatalf("got %x: %v", b[:8], err)
	}

	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	long := strings.Repeat("x", 100_000)
	resp, err := (&http.Client{Transport: transport}).Post("http://"+s.HTTPListener().Addr().String(), "text/plain", strings.NewReader(long))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "you said "+long {
		t.Errorf("got %d bytes: %v", len(text), err)
	}
}

// closedByServer fails the test unless the server closes c.
func closedByServer(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("still open: %d bytes, %v", n, err)
	}
}

func TestTCPConnectionWithoutValidFirstBytesIsClosed(t *testing.T) {
	s := newTestMux(t, ProtocolMuxOptions{SniffTimeout: 50 * time.Millisecond})
	for name, first := range map[string][]byte{
		"no bytes":           nil,
		"incomplete message": binding("a:b")[:20],
		"unknown fragment":   binding("nobody:x"),
		"unknown protocol":   make([]byte, 30),
		"malformed STUN":     append(binding("a:b")[:22], 0xff, 0xff, 0xff, 0xff, 0xff),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			if _, err := c.Write(first); err != nil {
				t.Fatal(err)
			}
			closedByServer(t, c)
		})
	}
}

// Connections that send nothing must not keep others out. So the oldest of them are closed when their number reaches the
// limit.
func TestOldestSilentTCPConnectionsAreClosedAtTheLimit(t *testing.T) {
	s := newTestMux(t, ProtocolMuxOptions{SniffTimeout: time.Hour, MaxUnsniffed: 4})
	conn, err := s.TCPMux().GetConnByUfrag("ours", false, net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	var silent []net.Conn
	for range 8 {
		silent = append(silent, dial(t, s))
	}
	c := dial(t, s)
	if _, err := c.Write(binding("ours:theirs")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadFrom(make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
	for _, c := range silent[:4] {
		closedByServer(t, c)
	}
}

// A client that does not read must neither block the writer nor use unbounded memory.
func TestTCPStreamDropsPacketsForClientThatDoesNotRead(t *testing.T) {
	s := newTestMux(t, ProtocolMuxOptions{})
	conn, err := s.TCPMux().GetConnByUfrag("ours", false, net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	if _, err := c.Write(binding("ours:theirs")); err != nil {
		t.Fatal(err)
	}
	_, from, err := conn.ReadFrom(make([]byte, 1500))
	if err != nil {
		t.Fatal(err)
	}
	const packets = 50_000 // 60 MB, far more than kernels buffer
	for range packets {
		if _, err := conn.WriteTo(make([]byte, 1200), from); err != nil {
			t.Fatal(err)
		}
	}
	streams := conn.(*TCPMuxedConn)
	streams.mu.Lock()
	stream := streams.streams[0]
	streams.mu.Unlock()
	stream.mu.Lock()
	if n := len(stream.queued) + cap(stream.spare); n > 3*maxQueuedBytes {
		t.Errorf("%d bytes are queued", n)
	}
	stream.mu.Unlock()
	if err := conn.Close(); err != nil { // the client has received only whole frames
		t.Fatal(err)
	}
	reader, got := bufio.NewReaderSize(c, frameBuffer), 0
	for ; ; got++ {
		f, err := nextFrame(reader)
		if err != nil {
			break
		}
		if len(f) != 1200 {
			t.Fatalf("a frame of %d bytes", len(f))
		}
		if _, err := reader.Discard(2 + len(f)); err != nil {
			t.Fatal(err)
		}
	}
	if got == 0 || got == packets {
		t.Errorf("%d of %d packets arrived", got, packets)
	}
}

func TestTCPWriteDoesNotAllocate(t *testing.T) {
	s := newTestMux(t, ProtocolMuxOptions{})
	conn, err := s.TCPMux().GetConnByUfrag("ours", false, net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	if _, err := c.Write(binding("ours:theirs")); err != nil {
		t.Fatal(err)
	}
	streams := conn.(*TCPMuxedConn)
	_, from, err := streams.ReadFromAddrPort(make([]byte, 1500))
	if err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	go func() { // ends when c is closed
		_, _ = io.Copy(io.Discard, c)
		close(drained)
	}()
	packet := make([]byte, 1200)
	for range 1000 {
		_, _ = streams.WriteToAddrPort(packet, from)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = streams.WriteToAddrPort(packet, from) }); n >= 1 {
		t.Errorf("%v allocations for a packet", n)
	}
	_ = c.Close()
	<-drained
}

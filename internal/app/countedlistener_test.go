package app

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func TestConnectionsOfOneAddressToThePortForPlainHTTPAreLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newCountedListener(inner, 3, 2)
	defer func() { _ = l.Close() }() // twice
	accepted, ended := make(chan net.Conn, 10), make(chan struct{})
	go func() { // ends when the listener is closed
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	dial := func(from string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := d.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		return conn
	}
	wantClosed := func(what string, conn net.Conn) {
		t.Helper()
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s is open", what)
		}
	}
	dial("127.0.0.1")
	dial("127.0.0.1")
	first := <-accepted
	<-accepted
	wantClosed("a third connection of the address", dial("127.0.0.1"))
	dial("127.0.0.2")
	<-accepted
	wantClosed("a connection beyond the total", dial("127.0.0.3"))
	_ = first.Close()
	_ = first.Close() // does not count twice
	dial("127.0.0.1")
	<-accepted
	wantClosed("again a third connection of the address", dial("127.0.0.1"))
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}

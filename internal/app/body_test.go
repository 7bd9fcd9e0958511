package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// serveBodies starts a server with these body deadlines, and returns a connection on which the request was sent.
func serveBodies(t *testing.T, timeout, drain time.Duration, h http.HandlerFunc, request string) net.Conn {
	t.Helper()
	s := httptest.NewServer(bodyDeadlines{h, timeout, drain})
	t.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// unsentBody is a request whose body is never sent to its end.
const unsentBody = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome"

func TestReadingAnIncompleteRequestBodyTimesOut(t *testing.T) {
	failed := make(chan error, 1)
	conn := serveBodies(t, 50*time.Millisecond, time.Hour, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
	}, unsentBody)
	select {
	case err := <-failed:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("an incomplete body ends with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("an incomplete body has no deadline")
		_ = conn.Close()
		<-failed
	}
}

func TestConnectionClosesAfterTheResponseIfTheRequestBodyIsUnread(t *testing.T) {
	conn := serveBodies(t, time.Hour, 50*time.Millisecond, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}, unsentBody)
	text, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(text), "HTTP/1.1 401 ") || err != nil {
		t.Errorf("answered %q, %v", text, err)
	}
}

// An event stream continues after the deadline of its request's body.
func TestResponseContinuesAfterTheRequestBodyDeadline(t *testing.T) {
	const timeout = 20 * time.Millisecond
	for name, request := range map[string]string{
		"no body": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a body":  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nsome",
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			conn := serveBodies(t, timeout, timeout, func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				_, _ = io.ReadAll(r.Body)
				tick := time.NewTicker(timeout)
				defer tick.Stop()
				for n := 0; ; n++ {
					if _, err := fmt.Fprintln(w, n); err != nil {
						return
					}
					if err := http.NewResponseController(w).Flush(); err != nil {
						return
					}
					select {
					case <-tick.C:
					case <-r.Context().Done():
						return
					}
				}
			}, request)
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				if lines.Text() == "5" {
					break
				}
			}
			if lines.Text() != "5" {
				t.Errorf("the stream ends after %q: %v", lines.Text(), lines.Err())
			}
			_ = conn.Close()
			<-ended
		})
	}
}

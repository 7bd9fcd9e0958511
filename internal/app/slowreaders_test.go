package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serveHTTP2 starts a server with a write timeout and returns the response to a request over HTTP/2.
func serveHTTP2(t *testing.T, timeout time.Duration, h http.HandlerFunc) *http.Response {
	t.Helper()
	s := httptest.NewUnstartedServer(writeDeadlines{h, timeout})
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 2 {
		t.Fatalf("answered with %s", resp.Proto)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// The client reads nothing, so its window is exhausted.
func TestHandlerOfAnUnreadHTTP2StreamEnds(t *testing.T) {
	const size = 64 << 20 // more than the window of the client
	for name, write := range map[string]func(http.ResponseWriter) error{
		"one write": func(w http.ResponseWriter) error { _, err := w.Write(make([]byte, size)); return err },
		"copy": func(w http.ResponseWriter) error {
			_, err := io.Copy(w, strings.NewReader(strings.Repeat("x", size)))
			return err
		},
		"small, flushed": func(w http.ResponseWriter) (err error) {
			for err == nil {
				if _, err = w.Write(make([]byte, 1000)); err == nil {
					err = http.NewResponseController(w).Flush()
				}
			}
			return err
		},
		"deadline of the handler": func(w http.ResponseWriter) error {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
				return err
			}
			_, err := w.Write(make([]byte, size))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			timeout := 50 * time.Millisecond
			if strings.HasPrefix(name, "deadline") {
				timeout = time.Hour
			}
			resp := serveHTTP2(t, timeout, func(w http.ResponseWriter, _ *http.Request) { ended <- write(w) })
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the write succeeded")
				}
			case <-time.After(20 * time.Second):
				t.Error("the handler waits for the client")
				_ = resp.Body.Close()
			}
		})
	}
}

// A stream of events has long pauses between writes.
func TestHTTP2StreamContinuesAfterPausesBetweenWrites(t *testing.T) {
	const timeout = 20 * time.Millisecond
	resp := serveHTTP2(t, timeout, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(5 * timeout)
		defer tick.Stop()
		for n := range 5 {
			if _, err := fmt.Fprintln(w, n); err != nil {
				return
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
			<-tick.C
		}
	})
	text, err := io.ReadAll(resp.Body)
	if err != nil || string(text) != "0\n1\n2\n3\n4\n" {
		t.Errorf("received %q, %v", text, err)
	}
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session is a running proxy command with pipes for its input and output.
type session struct {
	t   *testing.T
	in  *io.PipeWriter
	out *bufio.Scanner
	end chan error
}

// start runs the command in a goroutine until the test ends.
func start(t *testing.T, target string) *session {
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	s := &session{t, in, bufio.NewScanner(out), make(chan error, 1)}
	go func() {
		s.end <- run([]string{target}, stdin, stdout)
		_ = stdout.Close()
	}()
	t.Cleanup(func() {
		_ = in.Close()
		if err := <-s.end; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	return s
}

// line reads the next line of output.
func (s *session) line() (a answer) {
	s.t.Helper()
	if !s.out.Scan() {
		s.t.Fatal("no further line")
	}
	if err := json.Unmarshal(s.out.Bytes(), &a); err != nil {
		s.t.Fatal(err)
	}
	return a
}

// ask sends one line of input and returns the answer.
func (s *session) ask(line string) answer {
	s.t.Helper()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
	return s.line()
}

func TestJSONRequestsSetLinkImpairmentAndReturnStats(t *testing.T) {
	target, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	s := start(t, target.LocalAddr().String())
	conn, err := net.Dial("udp", s.line().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send := func(text string) {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	send("before")
	buf := make([]byte, 64)
	if n, _, err := target.ReadFrom(buf); err != nil || string(buf[:n]) != "before" {
		t.Fatalf("the target got %q, %v", buf[:n], err)
	}
	if a := s.ask(`{"up":{"loss":1}}`); a.Error != "" {
		t.Fatal(a.Error)
	}
	send("lost")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var a answer
	for a = s.ask(`{"stats":true}`); a.Up.Datagrams < 2; a = s.ask(`{"stats":true}`) { // the proxy reads on its own goroutine
		<-tick.C
	}
	if a.Up.Dropped != 1 {
		t.Errorf("counted %+v, want one dropped", a.Up)
	}
	if a := s.ask(`{"cut":false}`); a.Error != "" {
		t.Fatal(a.Error)
	}
	if a := s.ask(`{`); a.Error == "" {
		t.Error("an incomplete line of JSON was accepted")
	}
}

func TestInvalidArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{nil, {"here"}, {"127.0.0.1:1", "more"}} {
		if err := run(args, strings.NewReader(""), &bytes.Buffer{}); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoTerminal opens a pseudo-terminal with 40 columns. shown collects what is written to it.
func pseudoTerminal(t *testing.T) (tty *os.File, shown *syncBuffer) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var name string
	var failed error
	err = conn.Control(func(fd uintptr) {
		n, err := unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		name, failed = fmt.Sprint("/dev/pts/", n), err
		if failed == nil {
			failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		}
		if failed == nil {
			failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 10, Col: 40})
		}
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if tty, err = os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	shown = &syncBuffer{}
	var reading sync.WaitGroup
	reading.Go(func() { // ends when the terminal is closed
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			if err != nil {
				return
			}
			_, _ = shown.Write(b[:n])
		}
	})
	t.Cleanup(func() {
		_ = tty.Close()
		reading.Wait()
		_ = master.Close()
	})
	return tty, shown
}

// The status line stays below the events, fits into one line of the terminal, and is cleared at the end.
func TestStatusLineFitsTheTerminalAndIsCleared(t *testing.T) {
	tty, shown := pseudoTerminal(t)
	j := newEventPrinter(environment{stdout: tty}, false)
	if !j.hasStatusLine() {
		t.Fatal("the terminal is not detected")
	}
	j.showStatus("%s", strings.Repeat("x", 60)+"\x1b")
	j.print("joined", "room", "blue")
	j.showStatus("")
	line := "\r\x1b[K" + strings.Repeat("x", 39)
	want := line + "\r\x1b[K" + "   0.0s  joined  room blue\r\n" + line + "\r\x1b[K"
	poll(t, func() string {
		if got := shown.String(); got != want {
			return fmt.Sprintf("the terminal shows %q, want %q", got, want)
		}
		return ""
	})
	if newEventPrinter(environment{stdout: tty}, true).hasStatusLine() || newStatusLine(shown) != nil {
		t.Error("a status line is shown with JSON output or without a terminal")
	}
}

func TestJoinAndLoadTestUpdateTheStatusLineOnATerminal(t *testing.T) {
	address, _ := startServer(t)
	tty, shown := pseudoTerminal(t)
	args := []string{"--url", address, "--api-key", testKey, "--api-secret", testSecret}
	env := environment{nil, strings.NewReader(""), tty, tty}
	if status := run(t.Context(), append([]string{"join", "r", "--duration", "1500ms"}, args...), env); status != 0 {
		t.Errorf("join: status %d", status)
	}
	if status := run(t.Context(), append([]string{"load-test", "--subscribers", "1", "--publishers", "1", "--packets", "1", "--settle", "0s", "--duration", "1s"}, args...), env); status != 0 {
		t.Errorf("load-test: status %d", status)
	}
	for _, want := range []string{"\r\x1b[K1s with 0 others: 0 frames sent", "\r\x1b[Kjoining: 2 of 2 participants", "\r\x1b[Kmeasuring: 1 of 1 s, ", "\r\x1b[Kparticipants 1 publishers"} {
		poll(t, func() string {
			if !strings.Contains(shown.String(), want) {
				return fmt.Sprintf("%q is not shown in %q", want, shown.String())
			}
			return ""
		})
	}
}

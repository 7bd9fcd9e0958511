package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// eventPrinter prints one line for each event, as JSON for programs or as text for people. On a terminal, a status
// line stays below the text.
type eventPrinter struct {
	env   environment
	json  bool
	start time.Time

	mu       sync.Mutex // guards the output and the fields below
	status   *statusLine
	buffered []func() // functions that print the buffered events; nil if events are printed immediately
}

func newEventPrinter(env environment, json bool) *eventPrinter {
	j := &eventPrinter{env: env, json: json, start: time.Now()}
	if !json {
		j.status = newStatusLine(env.stdout)
	}
	return j
}

// buffer makes print keep events until flush.
func (j *eventPrinter) buffer() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.buffered = []func(){}
}

// flush prints an event, then the buffered events, and ends buffering.
func (j *eventPrinter) flush(what string, pairs ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.printLocked(what, pairs)
	for _, print := range j.buffered {
		print()
	}
	j.buffered = nil
}

// print prints an event, or keeps it for flush. pairs are alternating names and values.
func (j *eventPrinter) print(what string, pairs ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.buffered != nil {
		j.buffered = append(j.buffered, func() { j.printLocked(what, pairs) })
		return
	}
	j.printLocked(what, pairs)
}

// printLocked prints an event. j.mu must be held.
func (j *eventPrinter) printLocked(what string, pairs []any) {
	at := time.Since(j.start)
	if j.json {
		line := map[string]any{"event": what, "seconds": at.Seconds()}
		for i := 0; i+1 < len(pairs); i += 2 {
			line[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		_ = json.NewEncoder(j.env.stdout).Encode(line) // the reader has closed the pipe
		return
	}
	j.status.above(func() {
		fmt.Fprintf(j.env.stdout, "%6.1fs  %s", at.Seconds(), what)
		for i := 0; i+1 < len(pairs); i += 2 {
			fmt.Fprintf(j.env.stdout, "  %v %s", pairs[i], tableCell(fmt.Sprint(pairs[i+1])))
		}
		fmt.Fprintln(j.env.stdout)
	})
}

// hasStatusLine reports whether a status line is shown: only for text output on a terminal.
func (j *eventPrinter) hasStatusLine() bool { return j.status != nil }

// showStatus replaces the text of the status line, if there is one.
func (j *eventPrinter) showStatus(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.status.show(fmt.Sprintf(format, args...))
}

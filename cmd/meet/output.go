package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// eventPrinter prints what happens, a line for each thing: for people, with a line of figures below it on a terminal, or for
// programs.
type eventPrinter struct {
	env   environment
	json  bool
	start time.Time

	mu       sync.Mutex // of what is printed
	status   *statusLine
	buffered []func() // what is printed later, nil when nothing is held back
}

func newEventPrinter(env environment, json bool) *eventPrinter {
	j := &eventPrinter{env: env, json: json, start: time.Now()}
	if !json {
		j.status = newStatusLine(env.stdout)
	}
	return j
}

// buffer keeps what happens back until release.
func (j *eventPrinter) buffer() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.buffered = []func(){}
}

// flush prints a line, and then what was held back.
func (j *eventPrinter) flush(what string, pairs ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.printLocked(what, pairs)
	for _, print := range j.buffered {
		print()
	}
	j.buffered = nil
}

// print prints a line; pairs are names and values.
func (j *eventPrinter) print(what string, pairs ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.buffered != nil {
		j.buffered = append(j.buffered, func() { j.printLocked(what, pairs) })
		return
	}
	j.printLocked(what, pairs)
}

func (j *eventPrinter) printLocked(what string, pairs []any) {
	at := time.Since(j.start)
	if j.json {
		line := map[string]any{"event": what, "seconds": at.Seconds()}
		for i := 0; i+1 < len(pairs); i += 2 {
			line[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		_ = json.NewEncoder(j.env.stdout).Encode(line) // nobody reads it any more
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

// hasStatusLine tells whether there is a line of figures.
func (j *eventPrinter) hasStatusLine() bool { return j.status != nil }

func (j *eventPrinter) showStatus(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.status.show(fmt.Sprintf(format, args...))
}

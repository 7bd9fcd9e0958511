package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// journal prints what happens, a line for each thing: for people, with a line of figures below it on a terminal, or for
// programs.
type journal struct {
	w     world
	json  bool
	began time.Time

	mu   sync.Mutex // of what is printed
	line *statusLine
	held []func() // what is printed later, nil when nothing is held back
}

func newJournal(w world, json bool) *journal {
	j := &journal{w: w, json: json, began: time.Now()}
	if !json {
		j.line = newStatusLine(w.stdout)
	}
	return j
}

// hold keeps what happens back until release.
func (j *journal) hold() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held = []func(){}
}

// release prints a line, and then what was held back.
func (j *journal) release(what string, pairs ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.printLocked(what, pairs)
	for _, print := range j.held {
		print()
	}
	j.held = nil
}

// event prints a line; pairs are names and values.
func (j *journal) event(what string, pairs ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held != nil {
		j.held = append(j.held, func() { j.printLocked(what, pairs) })
		return
	}
	j.printLocked(what, pairs)
}

func (j *journal) printLocked(what string, pairs []any) {
	at := time.Since(j.began)
	if j.json {
		line := map[string]any{"event": what, "seconds": at.Seconds()}
		for i := 0; i+1 < len(pairs); i += 2 {
			line[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		_ = json.NewEncoder(j.w.stdout).Encode(line) // nobody reads it any more
		return
	}
	j.line.above(func() {
		fmt.Fprintf(j.w.stdout, "%6.1fs  %s", at.Seconds(), what)
		for i := 0; i+1 < len(pairs); i += 2 {
			fmt.Fprintf(j.w.stdout, "  %v %s", pairs[i], cell(fmt.Sprint(pairs[i+1])))
		}
		fmt.Fprintln(j.w.stdout)
	})
}

// terminal tells whether there is a line of figures.
func (j *journal) terminal() bool { return j.line != nil }

func (j *journal) figures(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.line.show(fmt.Sprintf(format, args...))
}

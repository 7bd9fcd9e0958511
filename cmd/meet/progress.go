package main

import (
	"fmt"
	"io"
	"time"

	"meet/internal/assets"
)

// progress tells how far an update has come: on a terminal in one line that changes, elsewhere in a line a second.
type progress struct {
	out  io.Writer
	line *statusLine
	next time.Duration // when the next plain line is due
}

// every is the time between plain lines.
const every = time.Second

func newProgress(out io.Writer) *progress {
	return &progress{out: out, line: newStatusLine(out), next: every}
}

func (p *progress) found(o assets.Outcome) {
	p.say("Found build %s: %s\n", o.ID, planned(o))
}

func planned(o assets.Outcome) string {
	var size int64
	for _, f := range o.New {
		size += f.Size
	}
	return fmt.Sprintf("%d files of %s, %d of %s to fetch", len(o.Build.Files), megabytes(o.Build.Size()), len(o.New), megabytes(size))
}

func (p *progress) show(s assets.Progress) {
	text := fmt.Sprintf("%d of %d files, %s of %s, %s/s", s.Files, s.OfFiles, megabytes(s.Bytes), megabytes(s.OfBytes),
		megabytes(int64(float64(s.Bytes)/max(s.Took.Seconds(), 0.001))))
	switch {
	case p.line != nil:
		p.line.show(text)
	case s.Took >= p.next || s.Files == s.OfFiles:
		p.next = s.Took + every
		p.say("Fetched %s\n", text)
	}
}

// end leaves the line that changes.
func (p *progress) end() {
	if p.line != nil && p.line.text != "" {
		p.say("\n")
	}
}

// say ignores that nobody may be reading: the update goes on.
func (p *progress) say(format string, args ...any) { _, _ = fmt.Fprintf(p.out, format, args...) }

func megabytes(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/(1<<20)) }

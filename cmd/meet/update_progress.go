package main

import (
	"fmt"
	"io"
	"time"

	"meet/internal/assets"
)

// updateProgress prints the progress of an update: on a terminal in a status line, otherwise as one line a second.
type updateProgress struct {
	out  io.Writer
	line *statusLine
	next time.Duration // download time at which the next line is printed
}

// plainLineInterval is the interval between progress lines if the output is not a terminal.
const plainLineInterval = time.Second

func newUpdateProgress(out io.Writer) *updateProgress {
	return &updateProgress{out: out, line: newStatusLine(out), next: plainLineInterval}
}

func (p *updateProgress) found(o assets.Outcome) {
	p.printf("Found build %s: %s\n", o.ID, describePlan(o))
}

// describePlan returns the size of a build and of the part that must be fetched.
func describePlan(o assets.Outcome) string {
	var size int64
	for _, f := range o.New {
		size += f.Size
	}
	return fmt.Sprintf("%d files of %s, %d of %s to fetch", len(o.Build.Files), megabytes(o.Build.Size()), len(o.New), megabytes(size))
}

func (p *updateProgress) show(s assets.Progress) {
	text := fmt.Sprintf("%d of %d files, %s of %s, %s/s", s.Files, s.TotalFiles, megabytes(s.Bytes), megabytes(s.TotalBytes),
		megabytes(int64(float64(s.Bytes)/max(s.Elapsed.Seconds(), 0.001))))
	switch {
	case p.line != nil:
		p.line.show(text)
	case s.Elapsed >= p.next || s.Files == s.TotalFiles:
		p.next = s.Elapsed + plainLineInterval
		p.printf("Fetched %s\n", text)
	}
}

// finishLine ends the status line, so that the next output starts on a new line.
func (p *updateProgress) finishLine() {
	if p.line != nil && p.line.text != "" {
		p.printf("\n")
	}
}

// printf prints to the output and ignores errors: the update continues when nobody reads the output.
func (p *updateProgress) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format, args...)
}

func megabytes(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/(1<<20)) }

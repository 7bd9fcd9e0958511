package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// statusLine is the last line of a terminal, which is written over as things change. Where there is no terminal it is
// nil, and nothing is shown.
type statusLine struct {
	terminal *os.File
	text     string
}

func newStatusLine(w io.Writer) *statusLine {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return &statusLine{terminal: file}
}

// show replaces the line.
func (l *statusLine) show(text string) {
	if l == nil {
		return
	}
	l.text = text
	chars := []rune(printable(text))
	// One column less than there are: a full line makes some terminals begin another.
	if width, _, err := term.GetSize(int(l.terminal.Fd())); err == nil && width > 0 && len(chars) >= width {
		chars = chars[:width-1]
	}
	fmt.Fprint(l.terminal, "\r\x1b[K", string(chars)) // back to the first column, and clear to the end
}

// above lets print write whole lines, and shows the line below them again.
func (l *statusLine) above(print func()) {
	if l == nil {
		print()
		return
	}
	fmt.Fprint(l.terminal, "\r\x1b[K")
	print()
	l.show(l.text)
}

package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// statusLine is the last line of a terminal, which is overwritten by each update. If the output is not a terminal,
// the statusLine is nil and shows nothing.
type statusLine struct {
	terminal *os.File
	text     string
}

// newStatusLine returns a status line for w, or nil if w is not a terminal.
func newStatusLine(w io.Writer) *statusLine {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return &statusLine{terminal: file}
}

// show replaces the text of the line.
func (l *statusLine) show(text string) {
	if l == nil {
		return
	}
	l.text = text
	chars := []rune(printable(text))
	// One column stays free: some terminals wrap after a full line.
	if width, _, err := term.GetSize(int(l.terminal.Fd())); err == nil && width > 0 && len(chars) >= width {
		chars = chars[:width-1]
	}
	fmt.Fprint(l.terminal, "\r\x1b[K", string(chars)) // return to the first column and clear the line
}

// above clears the status line, calls printLines, and shows the status line again below the printed text. This text
// must consist of whole lines.
func (l *statusLine) above(printLines func()) {
	if l == nil {
		printLines()
		return
	}
	fmt.Fprint(l.terminal, "\r\x1b[K")
	printLines()
	l.show(l.text)
}

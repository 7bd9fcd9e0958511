package app

import (
	"fmt"
	"io"
	"os"
	"strings"

	qr "github.com/piglig/go-qr"
	"golang.org/x/term"
)

// quietZone is the light border around a QR code, in modules. The standard's 4 (ISO/IEC 18004) would waste lines of the
// terminal, and phones need less.
const quietZone = 2

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// qrCode returns a text as a QR code for terminals. Each character shows two modules, one above the other. Colours are set
// explicitly, so that the code is dark on light in every terminal.
func qrCode(text string) (string, error) {
	const blackOnWhite, reset = "\x1b[38;5;16m\x1b[48;5;231m", "\x1b[0m"
	code, err := qr.EncodeText(text, qr.Low)
	if err != nil {
		return "", fmt.Errorf("encode the QR code: %w", err)
	}
	var b strings.Builder
	for y := -quietZone; y < code.Size()+quietZone; y += 2 {
		b.WriteString("  " + blackOnWhite)
		for x := -quietZone; x < code.Size()+quietZone; x++ {
			switch upper, lower := code.Module(x, y), code.Module(x, y+1); { // light outside the code
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString(reset + "\n")
	}
	return b.String(), nil
}

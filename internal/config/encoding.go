package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

var errNotText = errors.New("it is not text; save it as UTF-8")

// readText reads a file as text.
func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	text, err := decodeText(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// decodeText reads UTF-8, and UTF-16 with a byte order mark, as Windows PowerShell writes it. The mark is dropped.
func decodeText(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(transform.NewReader(r, unicode.BOMOverride(transform.Nop)))
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 { // zeros: UTF-16 without a mark
		return nil, errNotText
	}
	return text, nil
}

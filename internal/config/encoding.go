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

var errNotText = errors.New("it is not a text file; save it as UTF-8")

// readText reads a file with decodeText.
func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	text, err := decodeText(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// decodeText reads text in UTF-8, or in UTF-16 with a byte order mark, as Windows PowerShell writes it. The result
// has no byte order mark.
func decodeText(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(transform.NewReader(r, unicode.BOMOverride(transform.Nop)))
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 { // zero bytes: UTF-16 without a byte order mark
		return nil, errNotText
	}
	return text, nil
}

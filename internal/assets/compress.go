package assets

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
)

// Encoding is a compressed form of a file, stored under the file's name with a suffix.
type Encoding struct {
	Name   string // the content coding, as in the Accept-Encoding header
	Suffix string // appended to the file's name, such as ".br"
}

// Encodings returns the compressed forms that builds contain, in the order of preference. The form that is usually
// smallest comes first.
func Encodings() []Encoding {
	return []Encoding{{"br", ".br"}, {"gzip", ".gz"}}
}

// compressible lists the extensions of text files. Fonts, audio and images are compressed already.
var compressible = []string{".js", ".mjs", ".css", ".html", ".svg", ".json", ".txt", ".wasm", ".webmanifest", ".map"}

// compress adds each compressed form that is at least 10 % smaller than the file. It uses encoders written in Go, which
// produce identical bytes on every machine. Node's encoders do not.
func (m *Manifest) compress(files map[string][]byte) error {
	for _, f := range slices.Clone(m.Files) {
		if !slices.Contains(compressible, path.Ext(f.Path)) {
			continue
		}
		for _, e := range Encodings() {
			small, err := e.encode(files[f.Path])
			if err != nil {
				return fmt.Errorf("compress %s: %w", f.Path, err)
			}
			if len(small) >= len(files[f.Path])*9/10 {
				continue
			}
			name := f.Path + e.Suffix
			files[name] = small
			m.Files = append(m.Files, describeFile(name, small))
		}
	}
	return nil
}

// encode returns plain in compressed form, at the best compression level.
func (e Encoding) encode(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	var w io.WriteCloser = brotli.NewWriterLevel(&b, brotli.BestCompression)
	if e.Name == "gzip" {
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		w = z
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// checkEncodings returns an error if a compressed file does not decompress to its original. The server would send it in
// place of the original, and a browser would reject it or show other content.
func (b *Build) checkEncodings() error {
	for _, f := range b.Files {
		for _, e := range Encodings() {
			name, ok := strings.CutSuffix(f.Path, e.Suffix)
			if !ok {
				continue
			}
			plain, ok := b.files[name]
			if !ok {
				return invalid("the build has the compressed file %q but lacks %q itself", f.Path, name)
			}
			if !e.decodesTo(b.files[f.Path].Bytes, plain.Bytes) {
				return invalid("the file %q does not decompress to %q; it was changed, or made from another version of it", f.Path, name)
			}
		}
	}
	return nil
}

// decodesTo reports whether small is exactly the compressed form of plain, without trailing bytes. It decompresses at
// most one byte more than plain has, so that a decompression bomb does no harm.
func (e Encoding) decodesTo(small, plain []byte) bool {
	in := bytes.NewReader(small)
	var r io.Reader = brotli.NewReader(in)
	if e.Name == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return false
		}
		z.Multistream(false) // some browsers ignore every gzip member after the first
		r = z
	}
	content, err := io.ReadAll(io.LimitReader(r, int64(len(plain))+1))
	return err == nil && bytes.Equal(content, plain) && in.Len() == 0
}

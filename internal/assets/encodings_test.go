package assets_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"meet/internal/assets"
	"meet/internal/fault"
)

// swap puts other content in the place of a file, with its right size and sum in the manifest; nil takes the file away.
func swap(t testing.TB, build map[string][]byte, name string, content []byte) map[string][]byte {
	t.Helper()
	build = edit(t, build, func(m *assets.Manifest) {
		m.Files = slices.DeleteFunc(m.Files, func(f assets.File) bool { return f.Path == name })
		if content != nil {
			sum := sha256.Sum256(content)
			m.Files = append(m.Files, assets.File{Path: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])})
		}
	})
	delete(build, name)
	if content != nil {
		build[name] = content
	}
	return build
}

// encoded compresses as the suffix of a file's name says.
func encoded(t testing.TB, suffix string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if suffix == ".br" {
		w = brotli.NewWriter(&b)
	}
	_, err := w.Write(content)
	if err != nil || w.Close() != nil {
		t.Fatal("cannot compress", err)
	}
	return b.Bytes()
}

// A compressed file is served in place of the one beside it, so it must decompress to that one, whatever its own sum.
func TestCompressedFilesAreTheirOriginals(t *testing.T) {
	good := build(t, "good", time.Time{})
	name := script(t, good)
	plain := good[name]
	another := encoded(t, ".gz", []byte("a second member"))
	for _, suffix := range []string{".br", ".gz"} {
		small := good[name+suffix]
		differs := fmt.Sprintf("the file %q does not decompress to %q", name+suffix, name)
		for what, tc := range map[string]struct {
			build map[string][]byte
			want  string
		}{
			"of another text":       {swap(t, good, name+suffix, encoded(t, suffix, bytes.ToUpper(plain))), differs},
			"of its beginning":      {swap(t, good, name+suffix, encoded(t, suffix, plain[:len(plain)-1])), differs},
			"of it and more":        {swap(t, good, name+suffix, encoded(t, suffix, append(plain[:len(plain):len(plain)], '\n'))), differs},
			"bomb of 8 MB":          {swap(t, good, name+suffix, encoded(t, suffix, make([]byte, 8<<20))), differs},
			"not compressed":        {swap(t, good, name+suffix, plain), differs},
			"empty":                 {swap(t, good, name+suffix, []byte{}), differs},
			"cut off":               {swap(t, good, name+suffix, small[:len(small)-2]), differs},
			"with a second member":  {swap(t, good, name+suffix, slices.Concat(small, another)), differs},
			"with bytes after it":   {swap(t, good, name+suffix, slices.Concat(small, []byte{0})), differs},
			"original was changed":  {swap(t, good, name, bytes.ToUpper(plain)), "does not decompress to"},
			"of a file that is not": {swap(t, good, "assets/none.js"+suffix, small), fmt.Sprintf(`has the compressed file "assets/none.js%s" and lacks "assets/none.js" itself`, suffix)},
			"of the manifest":       {swap(t, good, "manifest.json"+suffix, encoded(t, suffix, good["manifest.json"])), `does not decompress to "manifest.json"`},
			"of the signature":      {swap(t, good, "manifest.json.minisig"+suffix, small), `lacks "manifest.json.minisig" itself`},
			"compressed twice":      {swap(t, good, name+suffix+suffix, encoded(t, suffix, small)), ""},
		} {
			t.Run(what+suffix, func(t *testing.T) {
				_, err := assets.Open(os.DirFS(lay(t, tc.build)), version, nil)
				if tc.want != "" {
					refused(t, err, fault.Invalid, tc.want)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestUpdateRefusesOtherCompressedFiles(t *testing.T) {
	good := build(t, "good", time.Time{})
	name := script(t, good) + ".br"
	s, b := newStandIn(t), newBench(t)
	s.publish(swap(t, good, name, encoded(t, ".br", []byte("something else"))), false)
	u := b.update(s.source(t, assets.GitHubOptions{}))
	_, err := u.Run(t.Context())
	refused(t, err, fault.Invalid, fmt.Sprintf("the file %q does not decompress to", name))
	if b.inUse() != b.embedded.ID {
		t.Errorf("in use is %q", b.inUse())
	}
	s.publish(good, false)
	if run(t, u); b.inUse() != id(good) {
		t.Errorf("published again, in use is %q", b.inUse())
	}
}

// A build may lie on the shelf that was put there by hand, or by a Meet that did not look into compressed files.
func TestStartDoesNotUseBuildsWithOtherCompressedFiles(t *testing.T) {
	b := newBench(t)
	good := build(t, "good", time.Time{})
	b.take(t, good)
	bad := swap(t, good, script(t, good)+".gz", encoded(t, ".gz", []byte("something else")))
	if err := os.Rename(lay(t, bad), filepath.Join(b.dir, "builds", id(bad))); err != nil {
		t.Fatal(err)
	}
	record := fmt.Sprintf(`{"current": %q, "previous": %q}`, id(bad), id(good))
	if err := os.WriteFile(filepath.Join(b.dir, "current"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	if b.inUse() != id(good) {
		t.Errorf("in use is %q, want the last good one, %q", b.inUse(), id(good))
	}
}

// Git converts line ends on the way to a branch, or to a folder that a web server publishes.
func TestConvertedLineEndsAreNamed(t *testing.T) {
	const want = `were converted, as git does where the build's folder has no .gitattributes with the line "* -text"; publish the build again with that file`
	good := build(t, "good", time.Time{})
	name := script(t, good)
	crlf := bytes.ReplaceAll(good[name], []byte("\n"), []byte("\r\n"))
	fromWindows := swap(t, swap(t, swap(t, good, name, crlf), name+".br", nil), name+".gz", nil)
	for what, tc := range map[string]struct{ build, published map[string][]byte }{
		"LF to CRLF": {good, maps.Clone(good)},
		"CRLF to LF": {fromWindows, maps.Clone(fromWindows)},
	} {
		tc.published[name] = crlf
		if what == "CRLF to LF" {
			tc.published[name] = good[name]
		}
		for _, length := range []string{"said", "not said"} {
			t.Run(what+", length "+length, func(t *testing.T) {
				s, b := newStandIn(t), newBench(t)
				s.publish(tc.published, false)
				if length == "not said" {
					s.spoil(name, inChunks(tc.published[name]))
				}
				u := b.update(s.source(t, assets.GitHubOptions{}))
				_, err := u.Run(t.Context())
				refused(t, err, fault.Invalid, fmt.Sprintf("the line ends of the file %q ", name)+want)
				s.spoil(name, nil)
				s.publish(tc.build, false)
				if run(t, u); b.inUse() != id(tc.build) {
					t.Errorf("published again, in use is %q", b.inUse())
				}
			})
		}
		_, err := assets.Open(os.DirFS(lay(t, tc.published)), version, nil)
		refused(t, err, fault.Invalid, want)
	}

	ours := newSigner(t)
	signed := ours.sign(good)
	for _, name := range []string{"manifest.json", "manifest.json.minisig"} {
		signed[name] = bytes.ReplaceAll(signed[name], []byte("\n"), []byte("\r\n"))
	}
	s, b := newStandIn(t), newBench(t)
	b.shelf = assets.NewStore(b.dir, ours.key(t))
	s.publish(signed, false)
	_, err := b.update(s.source(t, assets.GitHubOptions{})).Run(t.Context())
	refused(t, err, fault.Invalid, `the line ends of the file "manifest.json" `+want)
}

// inChunks answers without a length.
func inChunks(content []byte) answerer {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(content)
		return true
	}
}

func TestPublishedBuildsKeepTheirLineEnds(t *testing.T) {
	if got := string(build(t, "x", time.Time{})[".gitattributes"]); strings.TrimSpace(got) != "* -text" {
		t.Errorf(".gitattributes holds %q", got)
	}
}

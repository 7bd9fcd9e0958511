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

// replaceFile returns a copy of build in which the file has other content, with its correct size and sum in the
// manifest. If content is nil, the file is removed.
func replaceFile(t testing.TB, build map[string][]byte, name string, content []byte) map[string][]byte {
	t.Helper()
	build = editManifest(t, build, func(m *assets.Manifest) {
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

// compressed returns content in the compressed form of files with the given suffix, which is .br or .gz.
func compressed(t testing.TB, suffix string, content []byte) []byte {
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

// Compressed files are served in place of their originals. It is not enough that the sum of a compressed file is correct.
func TestOpenRefusesCompressedFileThatDiffersFromOriginal(t *testing.T) {
	good := newBuild(t, "good", time.Time{})
	name := scriptName(t, good)
	plain := good[name]
	another := compressed(t, ".gz", []byte("a second member"))
	for _, suffix := range []string{".br", ".gz"} {
		small := good[name+suffix]
		differs := fmt.Sprintf("the file %q does not decompress to %q", name+suffix, name)
		for what, tc := range map[string]struct {
			build map[string][]byte
			want  string
		}{
			"other text":                 {replaceFile(t, good, name+suffix, compressed(t, suffix, bytes.ToUpper(plain))), differs},
			"original without its end":   {replaceFile(t, good, name+suffix, compressed(t, suffix, plain[:len(plain)-1])), differs},
			"original and one more byte": {replaceFile(t, good, name+suffix, compressed(t, suffix, append(plain[:len(plain):len(plain)], '\n'))), differs},
			"decompression bomb of 8 MB": {replaceFile(t, good, name+suffix, compressed(t, suffix, make([]byte, 8<<20))), differs},
			"not compressed":             {replaceFile(t, good, name+suffix, plain), differs},
			"empty":                      {replaceFile(t, good, name+suffix, []byte{}), differs},
			"truncated":                  {replaceFile(t, good, name+suffix, small[:len(small)-2]), differs},
			"second gzip member":         {replaceFile(t, good, name+suffix, slices.Concat(small, another)), differs},
			"trailing byte":              {replaceFile(t, good, name+suffix, slices.Concat(small, []byte{0})), differs},
			"original was changed":       {replaceFile(t, good, name, bytes.ToUpper(plain)), "does not decompress to"},
			"original is missing":        {replaceFile(t, good, "assets/none.js"+suffix, small), fmt.Sprintf(`has the compressed file "assets/none.js%s" but lacks "assets/none.js" itself`, suffix)},
			"compressed manifest":        {replaceFile(t, good, "manifest.json"+suffix, compressed(t, suffix, good["manifest.json"])), `does not decompress to "manifest.json"`},
			"compressed signature":       {replaceFile(t, good, "manifest.json.minisig"+suffix, small), `lacks "manifest.json.minisig" itself`},
			"compressed twice":           {replaceFile(t, good, name+suffix+suffix, compressed(t, suffix, small)), ""},
		} {
			t.Run(what+suffix, func(t *testing.T) {
				_, err := assets.Open(os.DirFS(writeBuild(t, tc.build)), version, nil)
				if tc.want != "" {
					wantError(t, err, fault.Invalid, tc.want)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestUpdateRefusesCompressedFileThatDiffersFromOriginal(t *testing.T) {
	good := newBuild(t, "good", time.Time{})
	name := scriptName(t, good) + ".br"
	s, b := newFakeGitHub(t), newFixture(t)
	s.publish(replaceFile(t, good, name, compressed(t, ".br", []byte("something else"))), false)
	u := b.update(s.source(t, assets.GitHubOptions{}))
	_, err := u.Run(t.Context())
	wantError(t, err, fault.Invalid, fmt.Sprintf("the file %q does not decompress to", name))
	if b.inUse() != b.embedded.ID {
		t.Errorf("in use is %q", b.inUse())
	}
	s.publish(good, false)
	if runUpdate(t, u); b.inUse() != buildID(good) {
		t.Errorf("published again, in use is %q", b.inUse())
	}
}

// An operator may have copied a build with such a file into the store by hand.
func TestLibrarySkipsStoredBuildWithWrongCompressedFile(t *testing.T) {
	b := newFixture(t)
	good := newBuild(t, "good", time.Time{})
	b.install(t, good)
	bad := replaceFile(t, good, scriptName(t, good)+".gz", compressed(t, ".gz", []byte("something else")))
	if err := os.Rename(writeBuild(t, bad), filepath.Join(b.dir, "builds", buildID(bad))); err != nil {
		t.Fatal(err)
	}
	record := fmt.Sprintf(`{"current": %q, "previous": %q}`, buildID(bad), buildID(good))
	if err := os.WriteFile(filepath.Join(b.dir, "current"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	if b.inUse() != buildID(good) {
		t.Errorf("in use is %q, want the last good one, %q", b.inUse(), buildID(good))
	}
}

// Git may convert line endings when a build is committed or checked out for a web server.
func TestUpdateExplainsThatGitConvertedLineEndings(t *testing.T) {
	const want = `were converted, as git does where the build's folder has no .gitattributes with the line "* -text"; publish the build again with that file`
	good := newBuild(t, "good", time.Time{})
	name := scriptName(t, good)
	crlf := bytes.ReplaceAll(good[name], []byte("\n"), []byte("\r\n"))
	fromWindows := replaceFile(t, replaceFile(t, replaceFile(t, good, name, crlf), name+".br", nil), name+".gz", nil)
	for what, tc := range map[string]struct{ build, published map[string][]byte }{
		"LF to CRLF": {good, maps.Clone(good)},
		"CRLF to LF": {fromWindows, maps.Clone(fromWindows)},
	} {
		tc.published[name] = crlf
		if what == "CRLF to LF" {
			tc.published[name] = good[name]
		}
		for _, length := range []string{"known", "unknown"} {
			t.Run(what+", length "+length, func(t *testing.T) {
				s, b := newFakeGitHub(t), newFixture(t)
				s.publish(tc.published, false)
				if length == "unknown" {
					s.setFault(name, sendChunked(tc.published[name]))
				}
				u := b.update(s.source(t, assets.GitHubOptions{}))
				_, err := u.Run(t.Context())
				wantError(t, err, fault.Invalid, fmt.Sprintf("the line endings of the file %q ", name)+want)
				s.setFault(name, nil)
				s.publish(tc.build, false)
				if runUpdate(t, u); b.inUse() != buildID(tc.build) {
					t.Errorf("published again, in use is %q", b.inUse())
				}
			})
		}
		_, err := assets.Open(os.DirFS(writeBuild(t, tc.published)), version, nil)
		wantError(t, err, fault.Invalid, want)
	}

	ours := newSigner(t)
	signed := ours.sign(good)
	for _, name := range []string{"manifest.json", "manifest.json.minisig"} {
		signed[name] = bytes.ReplaceAll(signed[name], []byte("\n"), []byte("\r\n"))
	}
	s, b := newFakeGitHub(t), newFixture(t)
	b.store = assets.NewStore(b.dir, ours.key(t))
	s.publish(signed, false)
	_, err := b.update(s.source(t, assets.GitHubOptions{})).Run(t.Context())
	wantError(t, err, fault.Invalid, `the line endings of the file "manifest.json" `+want)
}

// sendChunked answers with content but without a Content-Length header.
func sendChunked(content []byte) faultFunc {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(content)
		return true
	}
}

func TestPackWritesGitattributesAgainstLineEndingConversion(t *testing.T) {
	if got := string(newBuild(t, "x", time.Time{})[".gitattributes"]); strings.TrimSpace(got) != "* -text" {
		t.Errorf(".gitattributes holds %q", got)
	}
}

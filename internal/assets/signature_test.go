package assets_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/blake2b"

	"meet/internal/assets"
	"meet/internal/fault"
)

// signer is a minisign key pair.
type signer struct {
	id     string // key ID of eight bytes
	secret ed25519.PrivateKey
	public string
}

// newSigner generates a key pair.
func newSigner(t *testing.T) signer {
	t.Helper()
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := signer{id: rand.Text()[:8], secret: secret}
	s.public = base64.StdEncoding.EncodeToString([]byte("Ed" + s.id + string(public)))
	return s
}

// key returns the public key.
func (s signer) key(t *testing.T) *assets.Key {
	t.Helper()
	k, err := assets.ParseKey(s.public)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign returns a copy of build with a signature of its manifest in the format of minisign -S.
func (s signer) sign(build map[string][]byte) map[string][]byte {
	const comment = "a build"
	sum := blake2b.Sum512(build["manifest.json"])
	signature := ed25519.Sign(s.secret, sum[:])
	global := ed25519.Sign(s.secret, append(signature[:len(signature):len(signature)], comment...))
	build = maps.Clone(build)
	build["manifest.json.minisig"] = fmt.Appendf(nil, "untrusted comment: signature\n%s\ntrusted comment: %s\n%s\n",
		base64.StdEncoding.EncodeToString([]byte("ED"+s.id+string(signature))), comment, base64.StdEncoding.EncodeToString(global))
	return build
}

// The signature was made with minisign 0.11.
func TestVerifyAcceptsSignatureOfMinisign(t *testing.T) {
	const public = "RWSXC0GqybzkC1Hkv8cK2s14YpbvLp8KV8bEVUjpdxCe7/rl2D/KIu6j"
	const signature = `untrusted comment: signature from minisign secret key
RUSXC0GqybzkC8tKfE0OppiYH+RlgsJpYBhs5nv/JT3SCtkA70GZDquT9P6FuMi2PpGWShXkcd90lSJXYHq0KJ0y93+TiSEO0AU=
trusted comment: build 1
/8AZsyucWsxxiu0wMWzWtfVa9xv15O4TEQRjFB8k1sKphXsINJIY2KZaTuWxCpsnTNtjPL4+vt3E7E7W1VW9Bg==
`
	k, err := assets.ParseKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verify([]byte("hello\n"), []byte(signature)); err != nil {
		t.Error(err)
	}
	wantError(t, k.Verify([]byte("hello"), []byte(signature)), fault.Invalid, "does not match")
	for _, text := range []string{"", "RW", public[:55], public + "A", "untrusted comment: minisign public key\n" + public} {
		if _, err := assets.ParseKey(text); err == nil {
			t.Errorf("%q was accepted as a key", text)
		}
	}
}

func TestUpdateInstallsOnlyBuildsSignedByTheKey(t *testing.T) {
	ours, theirs := newSigner(t), newSigner(t)
	good := newBuild(t, "good", time.Time{})
	other := newBuild(t, "other", time.Time{})
	mixed := maps.Clone(other)
	mixed["manifest.json.minisig"] = ours.sign(good)["manifest.json.minisig"]
	cut := ours.sign(good)
	cut["manifest.json.minisig"] = cut["manifest.json.minisig"][:100]
	large := ours.sign(good)
	large["manifest.json.minisig"] = append(large["manifest.json.minisig"], make([]byte, 1<<20)...)
	impostor := theirs
	impostor.id = ours.id // the ID of a key is not secret
	for name, tt := range map[string]struct {
		published map[string][]byte
		want      string // in the error; "" is none
	}{
		"signed":                           {ours.sign(good), ""},
		"unsigned":                         {good, "the build is not signed, and --frontend-key requires a signature: there is no manifest.json.minisig"},
		"signed by another key":            {theirs.sign(good), "was not made with the key of --frontend-key, or its manifest was changed"},
		"signed by a key with the same ID": {impostor.sign(good), "was not made with the key of --frontend-key"},
		"signature of another build":       {mixed, "was not made with the key of --frontend-key"},
		"changed after it was signed":      {editManifest(t, ours.sign(good), func(m *assets.Manifest) { m.Icon = m.Files[0].Path }), "was not made with the key of --frontend-key"},
		"signature truncated":              {cut, "was not made with the key of --frontend-key"},
		"signature of 1 MB":                {large, "was not made with the key of --frontend-key"},
	} {
		t.Run(name, func(t *testing.T) {
			for location, o := range map[string]func(*fakeGitHub) assets.GitHubOptions{
				"commit":  func(*fakeGitHub) assets.GitHubOptions { return assets.GitHubOptions{} },
				"Pages":   func(s *fakeGitHub) assets.GitHubOptions { return assets.GitHubOptions{PagesURL: s.URL + "/pages/"} },
				"private": func(s *fakeGitHub) assets.GitHubOptions { s.token = "t0"; return assets.GitHubOptions{Token: "t0"} },
			} {
				s, b := newFakeGitHub(t), newFixture(t)
				b.store = assets.NewStore(b.dir, ours.key(t))
				s.publish(tt.published, true)
				_, err := b.update(s.source(t, o(s))).Run(t.Context())
				if tt.want == "" {
					if err != nil || b.inUse() != buildID(tt.published) {
						t.Errorf("%s: in use is %q, %v", location, b.inUse(), err)
					}
					continue
				}
				wantError(t, err, fault.Invalid, tt.want)
				if b.inUse() != b.embedded.ID {
					t.Errorf("%s: in use is %q", location, b.inUse())
				}
			}
		})
	}
}

// A build that was installed before the key was set must be neither used nor rolled back to.
func TestInstalledBuildWithoutValidSignatureIsNotUsedOnceAKeyIsSet(t *testing.T) {
	ours := newSigner(t)
	s, b := newFakeGitHub(t), newFixture(t)
	one := newBuild(t, "one", time.Time{})
	s.publish(one, true)
	runUpdate(t, b.update(s.source(t, assets.GitHubOptions{})))
	if b.inUse() != buildID(one) {
		t.Fatalf("in use is %q", b.inUse())
	}
	b.store = assets.NewStore(b.dir, ours.key(t))
	if b.inUse() != b.embedded.ID {
		t.Errorf("in use is %q, which is not signed", b.inUse())
	}
	s.publish(ours.sign(one), true) // the same build, and its signature beside it
	runUpdate(t, b.update(s.source(t, assets.GitHubOptions{})))
	if b.inUse() != buildID(one) {
		t.Errorf("in use is %q, want %q", b.inUse(), buildID(one))
	}
	signature := filepath.Join(b.dir, "builds", buildID(one), "manifest.json.minisig")
	if err := os.WriteFile(signature, []byte("changed on the disk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b.inUse() != b.embedded.ID {
		t.Errorf("in use is %q, whose signature has changed", b.inUse())
	}
}

// A server serves the files of its builds, including the signature, so that other servers can fetch and verify them.
func TestSignedBuildContainsItsSignatureFile(t *testing.T) {
	ours := newSigner(t)
	signed := ours.sign(newBuild(t, "one", time.Time{}))
	got, ok := openBuild(t, signed).File("manifest.json.minisig")
	if !ok || string(got.Bytes) != string(signed["manifest.json.minisig"]) {
		t.Errorf("the signature is not among the files: %q", got.Bytes)
	}
	if _, err := assets.ParseManifest(editManifest(t, signed, func(m *assets.Manifest) { m.Files[0].Path = "manifest.json.minisig" })["manifest.json"]); err == nil {
		t.Error("a manifest that lists its own signature was accepted")
	}
}

// A server error must not be mistaken for a missing signature.
func TestUpdateReportsSignatureThatCannotBeFetched(t *testing.T) {
	ours := newSigner(t)
	s, b := newFakeGitHub(t), newFixture(t)
	b.store = assets.NewStore(b.dir, ours.key(t))
	s.publish(ours.sign(newBuild(t, "one", time.Time{})), true)
	s.setFault("manifest.json.minisig", func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return true
	})
	_, err := b.update(s.source(t, assets.GitHubOptions{})).Run(t.Context())
	wantError(t, err, fault.Unavailable, `answers "503 Service Unavailable" when asked for "manifest.json.minisig"`)
}

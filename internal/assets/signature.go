package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/jedisct1/go-minisign"
)

// signatureName is the file with the detached signature of the manifest, in minisign's format
// (https://jedisct1.github.io/minisign/#signature-format). It covers all files, because the manifest contains their
// sums.
const signatureName = manifestName + ".minisig"

// maxSignature is the largest size of a signature file, in bytes. A signature with its comments is many times smaller.
const maxSignature = 4 << 10

var (
	errUnsigned  = invalid("the build is not signed, and --frontend-key requires a signature: there is no %s beside its manifest", signatureName)
	errSignature = invalid("the signature of the build was not made with the key of --frontend-key, or its manifest was changed: %s does not match", signatureName)
)

// Key is the minisign public key that verifies the builds of a server. A nil Key accepts every build.
type Key struct{ public minisign.PublicKey }

// ParseKey reads a public key as minisign prints it, which is the last line of its public key file.
func ParseKey(text string) (*Key, error) {
	public, err := minisign.NewPublicKey(text)
	if err != nil {
		return nil, invalid("%q is not a minisign public key; such a key begins with RW and has 56 characters", text)
	}
	return &Key{public}, nil
}

// verify returns nil if signature is a valid signature of manifest by the key, or if k is nil. Otherwise it returns an
// error with the reason.
func (k *Key) verify(manifest, signature []byte) error {
	if k == nil {
		return nil
	}
	if len(signature) == 0 {
		return errUnsigned
	}
	switch {
	case k.matches(manifest, signature):
		return nil
	case k.matches(toLF(manifest), toLF(signature)):
		return convertedError(manifestName)
	}
	return errSignature
}

// matches reports whether signature is a valid signature of manifest by the key.
func (k *Key) matches(manifest, signature []byte) bool {
	parsed, err := minisign.DecodeSignature(string(signature))
	if err != nil {
		return false
	}
	ok, err := k.public.Verify(manifest, parsed)
	return err == nil && ok
}

// fetchSignature downloads the signature of a release from the first location that has a valid one. It returns nil if
// k is nil.
func (k *Key) fetchSignature(ctx context.Context, client *http.Client, e Release) ([]byte, error) {
	if k == nil {
		return nil, nil
	}
	last := errUnsigned
	for _, location := range e.Locations { // a location may still have the previous release
		signature, err := location.fetchSmall(ctx, client, signatureName)
		if err == nil {
			err = k.verify(e.Manifest, signature)
		}
		switch {
		case err == nil:
			return signature, nil
		case !errors.Is(err, errUnsigned): // more specific than errUnsigned
			last = err
		}
	}
	return nil, last
}

// fetchSmall downloads a file of at most maxSignature bytes. It returns nil if the file does not exist.
func (p Location) fetchSmall(ctx context.Context, client *http.Client, name string) ([]byte, error) {
	req, err := p.newRequest(ctx, name)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, requestError(req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing was written
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil
	default:
		return nil, unavailable("%s answers %q when asked for %q; try again later", req.URL.Host, resp.Status, name)
	}
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxSignature))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, requestError(req.URL.Host, err))
	}
	return content, nil
}

package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/jedisct1/go-minisign"
)

// signatureName is the detached signature of the manifest in the format of minisign
// (https://jedisct1.github.io/minisign/#signature-format). The manifest has the sum of every file, so this signs all of them.
const signatureName = manifestName + ".minisig"

// maxSignature is many times the size of a signature with its comments, in bytes.
const maxSignature = 4 << 10

var (
	errUnsigned  = invalid("the build is not signed and --frontend-key wants a signature: there is no %s beside its manifest", signatureName)
	errSignature = invalid("the signature of the build is not by the key of --frontend-key, or its manifest was changed: %s does not match", signatureName)
)

// Key is the public key of those who may make builds for a server. A nil Key accepts every build.
type Key struct{ public minisign.PublicKey }

// ParseKey reads a public key as minisign prints it: the last line of its file.
func ParseKey(text string) (*Key, error) {
	public, err := minisign.NewPublicKey(text)
	if err != nil {
		return nil, invalid("%q is no public key of minisign; it begins with RW and has 56 characters", text)
	}
	return &Key{public}, nil
}

// verify returns why a signature is none of a manifest by the key, or nil.
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

func (k *Key) matches(manifest, signature []byte) bool {
	parsed, err := minisign.DecodeSignature(string(signature))
	if err != nil {
		return false
	}
	ok, err := k.public.Verify(manifest, parsed)
	return err == nil && ok
}

// signature fetches the signature of an edition from the first place that has one by the key. Without a key there is none.
func (k *Key) fetchSignature(ctx context.Context, client *http.Client, e Release) ([]byte, error) {
	if k == nil {
		return nil, nil
	}
	last := errUnsigned
	for _, location := range e.Locations { // one may lag behind another
		signature, err := location.fetchSmall(ctx, client, signatureName)
		if err == nil {
			err = k.verify(e.Manifest, signature)
		}
		switch {
		case err == nil:
			return signature, nil
		case !errors.Is(err, errUnsigned): // says more
			last = err
		}
	}
	return nil, last
}

// small fetches a file of a few bytes; without the file there are none.
func (p Location) fetchSmall(ctx context.Context, client *http.Client, name string) ([]byte, error) {
	req, err := p.newRequest(ctx, name)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, requestError(req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
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

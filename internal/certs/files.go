package certs

import (
	"context"
	"crypto/tls"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

// filesInterval is the interval at which Files checks whether its files have changed.
const filesInterval = 2 * time.Second

// FilesOptions are the options of NewFiles.
type FilesOptions struct {
	Log *slog.Logger // slog.Default() if nil
}

// Files is a Source that reads the certificate from files, and reads them again when they change.
type Files struct {
	holder
	certFile, keyFile string
	log               *slog.Logger
}

// NewFiles returns a Source with the certificate and chain in certFile and the private key in keyFile, both in PEM. It
// fails if they do not belong together or the certificate is not valid now.
func NewFiles(certFile, keyFile string, o FilesOptions) (*Files, error) {
	f := &Files{certFile: certFile, keyFile: keyFile, log: orDefault(o.Log)}
	loaded := f.stat()
	pair, err := loadPair(certFile, keyFile, time.Now())
	if err != nil {
		return nil, err
	}
	f.certificate.Store(pair)
	f.start(func(ctx context.Context) { f.watch(ctx, loaded) })
	return f, nil
}

// GetCertificate returns the certificate that was loaded last.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.certificate.Load(), nil
}

// watch reloads the files when they change, until ctx ends. loaded is the version of the files that was read last. A
// version is read only if it is the same at two checks in a row, because programs that renew certificates write the two
// files one after the other. A version that cannot be used is tried again at each check, because it may become usable
// without a change of the files: their modes are corrected, or the certificate becomes valid. The error is logged once.
func (f *Files) watch(ctx context.Context, loaded filesVersion) {
	expiry := expiryLog{log: f.log.With("file", f.certFile)}
	expiry.check(f.Leaf(), time.Now())
	var failed filesVersion // whose error was logged last
	var reason string       // the text of this error
	for previous := loaded; wait(ctx, filesInterval); {
		version := f.stat()
		if !version.equal(loaded) && version.equal(previous) {
			if err := f.reload(); err == nil {
				loaded = version
			} else if !version.equal(failed) || err.Error() != reason {
				f.log.Error("the files of the certificate have changed and cannot be used: the server keeps the old certificate", "err", err)
				failed, reason = version, err.Error()
			}
		}
		previous = version
		expiry.check(f.Leaf(), time.Now())
	}
}

// reload replaces the certificate with the one in the files. If that fails, it keeps the old certificate.
func (f *Files) reload() error {
	pair, err := loadPair(f.certFile, f.keyFile, time.Now())
	if err != nil {
		return err
	}
	f.certificate.Store(pair)
	f.log.Info("loaded a new certificate", "file", f.certFile, "expires", pair.Leaf.NotAfter)
	return nil
}

// filesVersion describes the contents of both files without reading them. An entry is nil if its file does not exist.
type filesVersion [2]fs.FileInfo

// stat returns the version of the files. It follows symbolic links, which certbot and Kubernetes replace.
func (f *Files) stat() (v filesVersion) {
	for i, name := range []string{f.certFile, f.keyFile} {
		if info, err := os.Stat(name); err == nil {
			v[i] = info
		}
	}
	return v
}

// equal reports whether both versions are the same files, of the same size, that were modified at the same time.
func (v filesVersion) equal(other filesVersion) bool {
	for i, a := range v {
		b := other[i]
		if a == nil || b == nil {
			if a != b {
				return false
			}
			continue
		}
		if !os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) {
			return false
		}
	}
	return true
}

// orDefault returns log, or slog's default logger if log is nil.
func orDefault(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.Default()
	}
	return log
}

package certs_test

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meet/internal/certs"
)

// pairFiles are the files of a certificate and its key in a folder of the test.
type pairFiles struct{ dir, cert, key string }

// newPairFiles writes a certificate and its key to files.
func newPairFiles(t *testing.T, c certificate) pairFiles {
	t.Helper()
	dir := t.TempDir()
	f := pairFiles{dir, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	f.write(t, c)
	return f
}

// write overwrites the files.
func (f pairFiles) write(t *testing.T, c certificate) {
	t.Helper()
	write(t, f.cert, c.cert)
	write(t, f.key, c.key)
}

// openFiles opens a source, which is closed at the end of the test.
func openFiles(t *testing.T, f pairFiles, log *logBuffer) *certs.Files {
	t.Helper()
	source, err := certs.NewFiles(f.cert, f.key, certs.FilesOptions{Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	return source
}

// name returns the name in the source's certificate.
func name(t *testing.T, s certs.Source) string {
	t.Helper()
	c, err := s.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.Subject.CommonName
}

func TestUnusableCertificateFilesAreRefusedWithTheReason(t *testing.T) {
	good, other := valid(t, "a.example"), valid(t, "b.example")
	expired := newCertificate(t, "a.example", time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
	future := newCertificate(t, "a.example", time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour))
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")})
	damaged := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("damaged")})
	for name, tt := range map[string]struct {
		certificate
		want string
	}{
		"key of another certificate": {certificate{good.cert, other.key}, "does not belong to the certificate"},
		"expired":                    {expired, "expired on " + time.Now().Add(-24*time.Hour).UTC().Format(time.DateOnly) + ": renew it"},
		"not valid yet":              {future, "check the clock of this machine"},
		"no certificate":             {certificate{[]byte("text"), good.key}, "contains no certificate in PEM format"},
		"key in place of it":         {certificate{good.key, good.key}, "contains no certificate in PEM format"},
		"no key":                     {certificate{good.cert, good.cert}, "contains no private key in PEM format"},
		"key with a passphrase":      {certificate{good.cert, encrypted}, "has a passphrase"},
		"damaged certificate":        {certificate{damaged, good.key}, "is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newPairFiles(t, tt.certificate)
			_, err := certs.NewFiles(f.cert, f.key, certs.FilesOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one sentence with %q", err, tt.want)
			}
		})
	}
}

func TestMissingCertificateFileIsRefusedWithTheSetting(t *testing.T) {
	f := newPairFiles(t, valid(t, "a.example"))
	for setting, files := range map[string]pairFiles{"tls_cert": {cert: f.cert + "x", key: f.key}, "tls_key": {cert: f.cert, key: f.key + "x"}} {
		if _, err := certs.NewFiles(files.cert, files.key, certs.FilesOptions{}); err == nil || !strings.Contains(err.Error(), "set "+setting) {
			t.Errorf("error %v, want one that names %s", err, setting)
		}
	}
}

// TestRotatedFilesAreReloaded replaces the files as different programs do. Time is the fake clock of synctest.
func TestRotatedFilesAreReloaded(t *testing.T) {
	for kind, rotate := range map[string]func(*testing.T, pairFiles, certificate){
		"overwritten": func(t *testing.T, f pairFiles, c certificate) { f.write(t, c) },
		"renamed": func(t *testing.T, f pairFiles, c certificate) {
			for file, data := range map[string][]byte{f.cert: c.cert, f.key: c.key} {
				write(t, file+".new", data)
				if err := os.Rename(file+".new", file); err != nil {
					t.Fatal(err)
				}
			}
		},
		"certbot":    rotateLinks,
		"kubernetes": rotateFolderLink,
	} {
		t.Run(kind, func(t *testing.T) {
			f := newPairFiles(t, certificate{})
			synctest.Test(t, func(t *testing.T) {
				first := valid(t, "first.example")
				switch kind {
				case "certbot":
					rotateLinks(t, f, first)
				case "kubernetes":
					for _, file := range []string{f.cert, f.key} {
						replaceLink(t, filepath.Join("..data", filepath.Base(file)), file)
					}
					rotateFolderLink(t, f, first)
				default:
					f.write(t, first)
				}
				source := openFiles(t, f, &logBuffer{})
				rotate(t, f, valid(t, "second.example"))
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := name(t, source); got != "second.example" {
					t.Errorf("the certificate is that of %s", got)
				}
			})
		})
	}
}

// rotateLinks writes new files and lets symbolic links point to them, as certbot does.
func rotateLinks(t *testing.T, f pairFiles, c certificate) {
	t.Helper()
	archive, err := os.MkdirTemp(f.dir, "archive")
	if err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string][]byte{f.cert: c.cert, f.key: c.key} {
		target := filepath.Join(archive, filepath.Base(file))
		write(t, target, data)
		replaceLink(t, target, file)
	}
}

// rotateFolderLink writes new files to a folder and lets the link ..data point to it, as Kubernetes does for secrets.
func rotateFolderLink(t *testing.T, f pairFiles, c certificate) {
	t.Helper()
	version, err := os.MkdirTemp(f.dir, "..version")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(version, filepath.Base(f.cert)), c.cert)
	write(t, filepath.Join(version, filepath.Base(f.key)), c.key)
	replaceLink(t, version, filepath.Join(f.dir, "..data"))
}

// replaceLink lets a symbolic link point to target, atomically.
func replaceLink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}

func TestUnusableNewFilesKeepTheOldCertificate(t *testing.T) {
	f := newPairFiles(t, certificate{})
	synctest.Test(t, func(t *testing.T) {
		f.write(t, valid(t, "old.example"))
		log := &logBuffer{}
		source := openFiles(t, f, log)
		update := valid(t, "new.example")
		write(t, f.cert, update.cert) // the key does not follow for a minute
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := name(t, source); got != "old.example" {
			t.Errorf("the certificate is that of %s", got)
		}
		if n := log.count("does not belong to the certificate"); n != 1 {
			t.Errorf("the failure is logged %d times, want once:\n%s", n, log)
		}
		write(t, f.key, update.key)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := name(t, source); got != "new.example" {
			t.Errorf("the certificate is that of %s after the key followed", got)
		}
		if strings.Contains(log.String(), "PRIVATE") {
			t.Error("the log contains the key")
		}
	})
}

func TestRemovedFilesKeepTheOldCertificate(t *testing.T) {
	f := newPairFiles(t, certificate{})
	synctest.Test(t, func(t *testing.T) {
		f.write(t, valid(t, "old.example"))
		log := &logBuffer{}
		source := openFiles(t, f, log)
		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := name(t, source); got != "old.example" || log.count("cannot be read") != 1 {
			t.Errorf("the certificate is that of %s, and the log:\n%s", got, log)
		}
	})
}

func TestCertificateIsLoadedWhenItBecomesValid(t *testing.T) {
	f := newPairFiles(t, certificate{})
	synctest.Test(t, func(t *testing.T) {
		f.write(t, valid(t, "old.example"))
		log := &logBuffer{}
		source := openFiles(t, f, log)
		f.write(t, newCertificate(t, "new.example", time.Now().Add(time.Hour), time.Now().Add(90*24*time.Hour)))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := name(t, source); got != "old.example" || log.count("is valid from") != 1 {
			t.Errorf("too early, the certificate is that of %s, and the log:\n%s", got, log)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := name(t, source); got != "new.example" || log.count("is valid from") != 1 {
			t.Errorf("later, the certificate is that of %s, and the log:\n%s", got, log)
		}
	})
}

func TestExpiryIsLoggedDailyFromFourteenDaysBefore(t *testing.T) {
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		remaining, period time.Duration
		text              string
		want              int
	}{
		"15 days before":        {15*day + time.Hour, 23 * time.Hour, "expires", 0},
		"13 days before":        {13 * day, 2*day + time.Hour, "the certificate expires soon", 3},
		"on the day of expiry":  {time.Hour, day + 2*time.Hour, "has expired and browsers refuse it", 1},
		"a renewed certificate": {90 * day, day, "expires", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newPairFiles(t, certificate{})
			synctest.Test(t, func(t *testing.T) {
				f.write(t, newCertificate(t, "a.example", time.Now(), time.Now().Add(tt.remaining)))
				log := &logBuffer{}
				openFiles(t, f, log)
				time.Sleep(tt.period)
				synctest.Wait()
				if n := log.count(tt.text); n != tt.want {
					t.Errorf("%d warnings, want %d:\n%s", n, tt.want, log)
				}
			})
		})
	}
}

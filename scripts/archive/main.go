// Command archive writes files to a .tar.gz or .zip archive, for scripts/release.sh. The same files give the same bytes on
// every machine: all times are SOURCE_DATE_EPOCH, and owners are left out.
//
//	archive OUT FOLDER FILE...
//
// FOLDER is the folder in the archive. A file is executable in the archive if it is on the disk.
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}

// run writes the archive that the arguments describe.
func run(args []string) error {
	if len(args) < 3 {
		return errors.New("want an output file, a folder and at least one file")
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return errors.New("SOURCE_DATE_EPOCH: want seconds since 1970")
	}
	out, err := os.Create(args[0])
	if err != nil {
		return err
	}
	write := writeTar
	if strings.HasSuffix(args[0], ".zip") {
		write = writeZip
	}
	return errors.Join(write(out, args[1], args[2:], time.Unix(seconds, 0).UTC()), out.Close())
}

// mode returns the mode of a file in the archive.
func mode(file string) (fs.FileMode, int64, error) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, 0, err
	}
	if info.Mode()&0o100 != 0 {
		return 0o755, info.Size(), nil
	}
	return 0o644, info.Size(), nil
}

// copyFile copies the content of a file to w.
func copyFile(w io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return errors.Join(err, f.Close())
}

func writeTar(w io.Writer, folder string, files []string, at time.Time) error {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, file := range files {
		mode, size, err := mode(file)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: path.Join(folder, filepath.Base(file)), Mode: int64(mode), Size: size, ModTime: at, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if err := copyFile(archive, file); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

func writeZip(w io.Writer, folder string, files []string, at time.Time) error {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	for _, file := range files {
		mode, _, err := mode(file)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: path.Join(folder, filepath.Base(file)), Method: zip.Deflate, Modified: at}
		header.SetMode(mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if err := copyFile(entry, file); err != nil {
			return err
		}
	}
	return archive.Close()
}

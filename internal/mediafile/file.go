package mediafile

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

var (
	// ErrFormat is returned for a file in a format that this package does not read.
	ErrFormat = errors.New("want IVF (VP8, VP9 or AV1), H264 (Annex B) or Ogg (Opus)")
	// ErrDamaged is returned where a file is cut off or damaged, so that nothing further can be read.
	ErrDamaged = errors.New("it is cut off or damaged")

	errPixelFormat = errors.New("its pixel format is not 8-bit 4:2:0, the only one that all browsers decode; encode it with ffmpeg's -pix_fmt yuv420p")
)

// Frame is one picture, or one packet of sound. Without data it is a pause.
type Frame struct {
	Data     []byte
	Duration time.Duration
	KeyFrame bool // a picture that decodes without those before it
}

// frameReader reads one file from its beginning; next returns io.EOF behind the last frame.
type frameReader interface {
	next() (Frame, error)
}

// File is media in a file. It is recognized by its content, not by its name.
type File struct {
	MimeType      string // such as "video/VP8"
	Width, Height int    // of pictures, 0 if the file does not say
	Stereo        bool

	name   string
	file   source
	fps    float64
	frames frameReader
}

// source is an open file.
type source interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Open opens a file. fps is the rate of pictures of an H264 byte stream, which need not contain it; 0 for the file's own,
// else 30.
func Open(path string, fps float64) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{name: path, file: file, fps: fps}
	if err := f.Rewind(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}

// sniffLength is how many bytes http.DetectContentType looks at.
const sniffLength = 512

// Rewind goes back to the first frame.
func (f *File) Rewind() error {
	head := make([]byte, sniffLength)
	n, err := f.file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(string(head), "DKIF"):
		f.frames, err = f.readIVF()
	case strings.HasPrefix(string(head), capturePattern):
		f.frames, err = f.readOgg()
	case strings.HasPrefix(string(head), "\x00\x00"):
		if f.frames, err = f.readH264(); errors.Is(err, ErrFormat) {
			err = unknownFormat(head) // an MP4 begins with zeros too
		}
	default:
		err = unknownFormat(head)
	}
	return err
}

// unknownFormat names what a file contains in place of the formats that are read.
func unknownFormat(head []byte) error {
	if len(head) == 0 {
		return fmt.Errorf("it is empty, %w", ErrFormat)
	}
	found, _, _ := strings.Cut(http.DetectContentType(head), ";")
	if found == "application/octet-stream" { // unknown, or an MP4 of a brand that is not in the table
		if len(head) < 8 || string(head[4:8]) != "ftyp" {
			return fmt.Errorf("its format is unknown, %w", ErrFormat)
		}
		found = "video/mp4"
	}
	return fmt.Errorf("it is %s, %w", found, ErrFormat)
}

// Next returns the next frame, io.EOF behind the last, ErrDamaged in place of io.EOF in a damaged file.
func (f *File) Next() (Frame, error) {
	frame, err := f.frames.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return frame, fmt.Errorf("read %s: %w", f.name, err)
	}
	return frame, err
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Name is the file's path as it was opened.
func (f *File) Name() string { return f.name }

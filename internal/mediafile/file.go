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
	// ErrFormat is returned for a file in an unsupported format.
	ErrFormat = errors.New("want IVF (VP8, VP9 or AV1), H264 (Annex B) or Ogg (Opus)")
	// ErrDamaged is returned when a file is truncated or damaged, so that no more frames can be read.
	ErrDamaged = errors.New("it is truncated or damaged")

	errPixelFormat = errors.New("its pixel format is not 8-bit 4:2:0, the only one that all browsers decode; encode it with ffmpeg's -pix_fmt yuv420p")
)

// Frame is a video frame or an audio packet. A frame without data is a pause.
type Frame struct {
	Data     []byte
	Duration time.Duration
	KeyFrame bool // the frame decodes without earlier frames
}

// frameReader reads the frames of a file. next returns io.EOF after the last frame.
type frameReader interface {
	next() (Frame, error)
}

// File is an open media file. Its format is detected by its content, not by its name.
type File struct {
	MimeType      string // such as "video/VP8"
	Width, Height int    // of the video, 0 if unknown
	Stereo        bool

	name   string
	file   source
	fps    float64
	frames frameReader
}

// source is the interface of the underlying file.
type source interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Open opens a file. fps is the frame rate of an H264 byte stream. If fps is 0, Open uses the rate that the file
// states, or 30 if the file states none.
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

// sniffLength is the number of bytes that http.DetectContentType examines.
const sniffLength = 512

// Rewind returns to the first frame.
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
			err = unknownFormat(head) // MP4 files begin with zeros too
		}
	default:
		err = unknownFormat(head)
	}
	return err
}

// unknownFormat returns an error with the detected content type and the supported formats.
func unknownFormat(head []byte) error {
	if len(head) == 0 {
		return fmt.Errorf("it is empty, %w", ErrFormat)
	}
	found, _, _ := strings.Cut(http.DetectContentType(head), ";")
	if found == "application/octet-stream" { // unknown, or an MP4 with a brand that DetectContentType does not recognise
		if len(head) < 8 || string(head[4:8]) != "ftyp" {
			return fmt.Errorf("its format is unknown, %w", ErrFormat)
		}
		found = "video/mp4"
	}
	return fmt.Errorf("it is %s, %w", found, ErrFormat)
}

// Next returns the next frame. After the last frame it returns io.EOF, or ErrDamaged if the file is damaged.
func (f *File) Next() (Frame, error) {
	frame, err := f.frames.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return frame, fmt.Errorf("read %s: %w", f.name, err)
	}
	return frame, err
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Name returns the path with which the file was opened.
func (f *File) Name() string { return f.name }

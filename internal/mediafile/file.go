package mediafile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrFormat is returned for a file that holds nothing this package reads.
var ErrFormat = errors.New("it is none of IVF (VP8, VP9, AV1), H264 (Annex B) and Ogg (Opus)")

// shortest is how long a frame lasts at least, whatever the file says; Opus has 2.5 ms.
const shortest = time.Millisecond

// Frame is one picture, or one packet of sound, and how long it lasts.
type Frame struct {
	Data     []byte
	Duration time.Duration
}

// frames reads one file from its beginning; Next returns io.EOF behind the last.
type frames interface {
	next() (Frame, error)
}

// File is media in a file. It is recognized by its content, not by its name.
type File struct {
	MimeType      string // such as "video/VP8"
	Width, Height int    // of pictures, 0 if the file does not say
	Stereo        bool

	file   *os.File
	fps    float64
	frames frames
}

// Open opens a file. fps is the rate of pictures of an H264 byte stream, which need not tell it; 0 for what it tells, else 30.
func Open(path string, fps float64) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{file: file, fps: fps}
	if err := f.Rewind(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}

// Rewind goes back to the first frame.
func (f *File) Rewind() (err error) {
	if _, err = f.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var first [4]byte
	if _, err = io.ReadFull(f.file, first[:]); err != nil {
		return ErrFormat // shorter than any
	}
	if _, err = f.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	switch {
	case string(first[:]) == "DKIF":
		f.frames, err = f.readIVF()
	case string(first[:]) == "OggS":
		f.frames, err = f.readOgg()
	case first == [4]byte{0, 0, 0, 1}, bytes.Equal(first[:3], []byte{0, 0, 1}):
		f.frames, err = f.readH264()
	default:
		err = ErrFormat
	}
	return err
}

// Next returns the next frame, io.EOF behind the last, another error where the file is damaged.
func (f *File) Next() (Frame, error) {
	frame, err := f.frames.next()
	frame.Duration = max(frame.Duration, shortest)
	if err != nil && !errors.Is(err, io.EOF) {
		return frame, fmt.Errorf("read %s: %w", f.file.Name(), err)
	}
	return frame, err
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Name is the file's path as it was opened.
func (f *File) Name() string { return f.file.Name() }

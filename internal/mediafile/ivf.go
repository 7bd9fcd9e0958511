package mediafile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// ivfReader reads IVF frames. It reads one frame ahead, because a frame lasts until the next one starts.
type ivfReader struct {
	in           *bufio.Reader
	codec        ivfCodec
	rate         uint64 // the file's clock has rate/scale ticks a second
	scale        uint64
	frameTicks   uint64   // ticks between visible frames
	hiddenFrames [][]byte // hidden frames to be joined with the next visible one
	nextFrame    ivfFrame
	err          error // error of reading the frame after nextFrame
	// clockLead is the time by which the total duration of the returned frames exceeds that in the file. The reason
	// is that each returned frame lasts at least minFrameDuration. Later frames are shortened to compensate.
	clockLead time.Duration
}

// ivfFrame is a frame with its timestamp in ticks of the file's clock.
type ivfFrame struct {
	data   []byte // nil after the last frame
	tick   uint64
	hidden bool
}

const (
	// minFrameDuration is the shortest duration of a frame. A hidden frame has no duration of its own but needs an
	// RTP timestamp. If two frames have so short an interval, browsers draw only the later one, because their clocks
	// have millisecond resolution.
	minFrameDuration = 100 * time.Microsecond
	// maxDuration is the longest duration of a frame or pause. It only prevents overflows, because no real file is
	// longer.
	maxDuration = 10_000 * time.Hour
	// maxFrameRate is the highest frame rate, in frames per second, that is accepted from a file. Otherwise
	// defaultFrameRate is used.
	maxFrameRate, defaultFrameRate = 240, 30
)

func (f *File) readIVF() (frameReader, error) {
	v := &ivfReader{in: bufio.NewReader(f.file)}
	var h [ivfHeaderSize]byte
	if _, err := io.ReadFull(v.in, h[:]); err != nil {
		return nil, ErrDamaged
	}
	var ok bool
	if v.codec, ok = ivfCodecs[string(h[8:12])]; !ok {
		return nil, fmt.Errorf("it is IVF with %q, %w", h[8:12], ErrFormat)
	}
	v.rate, v.scale = uint64(binary.LittleEndian.Uint32(h[16:])), uint64(binary.LittleEndian.Uint32(h[20:]))
	if v.rate == 0 || v.scale == 0 {
		return nil, fmt.Errorf("its time base is %d/%d: %w", v.scale, v.rate, ErrDamaged)
	}
	// Some writers set the length of the header to 0.
	if _, err := v.in.Discard(max(0, int(binary.LittleEndian.Uint16(h[6:]))-ivfHeaderSize)); err != nil {
		return nil, ErrDamaged
	}
	f.MimeType = v.codec.mime
	f.Width, f.Height = int(binary.LittleEndian.Uint16(h[12:])), int(binary.LittleEndian.Uint16(h[14:]))
	v.frameTicks = 1
	if v.rate > maxFrameRate*v.scale { // the tick is shorter than any plausible frame
		v.frameTicks = max(1, v.rate/(defaultFrameRate*v.scale))
	}
	if v.nextFrame, v.err = v.read(); errors.Is(v.err, io.EOF) {
		return nil, ErrDamaged // the file contains no frame
	}
	return v, v.err
}

// time converts ticks of the file's clock to a duration, at most maxDuration.
func (v *ivfReader) time(ticks uint64) time.Duration {
	hi, lo := bits.Mul64(ticks, v.scale)
	if hi >= v.rate {
		return maxDuration
	}
	seconds, rest := bits.Div64(hi, lo, v.rate)
	if seconds >= uint64(maxDuration/time.Second) {
		return maxDuration
	}
	return time.Duration(seconds)*time.Second + time.Duration(rest*uint64(time.Second)/v.rate)
}

// read returns the next frame with data. Encoders write empty frames in place of dropped ones.
//
// WebRTC decoders treat a frame without a picture as an error and wait for a key frame. For this reason, hidden VP9
// frames are joined with the next visible frame into a superframe. VP8 has no superframes: its hidden frames are
// marked as visible.
func (v *ivfReader) read() (ivfFrame, error) {
	for {
		data, tick, err := v.readFrame()
		if err != nil {
			return ivfFrame{}, err
		}
		if len(data) == 0 {
			continue
		}
		if err := v.codec.check(data); err != nil {
			return ivfFrame{}, err
		}
		hidden := v.codec.isHidden(data)
		if v.codec.makeVisible != nil {
			v.codec.makeVisible(data)
			return ivfFrame{data, tick, hidden}, nil
		}
		v.hiddenFrames = append(v.hiddenFrames, data)
		if hidden && len(v.hiddenFrames) < maxSuperframeFrames {
			continue
		}
		data = superframe(v.hiddenFrames)
		v.hiddenFrames = nil
		return ivfFrame{data: data, tick: tick}, nil
	}
}

// readFrame reads a frame header and the frame's data.
func (v *ivfReader) readFrame() (data []byte, tick uint64, err error) {
	var h [ivfFrameHeaderSize]byte
	switch _, err := io.ReadFull(v.in, h[:]); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, ErrDamaged
	case err != nil:
		return nil, 0, err
	}
	size := binary.LittleEndian.Uint32(h[:])
	if size > maxFrameSize {
		return nil, 0, ErrDamaged
	}
	data = make([]byte, size)
	if _, err := io.ReadFull(v.in, data); err != nil {
		return nil, 0, ErrDamaged
	}
	return data, binary.LittleEndian.Uint64(h[4:]), nil
}

func (v *ivfReader) next() (Frame, error) {
	now := v.nextFrame
	if now.data == nil {
		return Frame{}, v.err
	}
	v.nextFrame, v.err = v.read()
	duration := v.frameDuration(now, v.nextFrame)
	frame := Frame{Data: now.data, Duration: max(duration-v.clockLead, minFrameDuration), KeyFrame: v.codec.isKeyFrame(now.data)}
	v.clockLead += frame.Duration - duration
	return frame, nil
}

// frameDuration returns the time from the start of a frame to the start of the next one.
func (v *ivfReader) frameDuration(frame, next ivfFrame) time.Duration {
	ticks := next.tick - frame.tick
	switch {
	case next.data == nil, next.tick < frame.tick, ticks == 0 && !frame.hidden: // the last frame, or no usable timestamps
		return v.time(v.frameTicks)
	case frame.hidden && ticks == v.frameTicks:
		// ffmpeg's muxer increases the second of two equal timestamps, and all later timestamps with it.
		return 0
	case !frame.hidden && !next.hidden:
		v.frameTicks = ticks
	}
	return v.time(next.tick) - v.time(frame.tick)
}

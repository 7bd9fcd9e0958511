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

// ivfReader reads one frame ahead: a frame lasts until the next one begins.
type ivfReader struct {
	in           *bufio.Reader
	codec        ivfCodec
	rate         uint64 // the file's clock ticks rate/scale times a second
	scale        uint64
	frameTicks   uint64   // ticks from one visible frame to the next
	hiddenFrames [][]byte // hidden frames that become part of the next visible one
	nextFrame    ivfFrame
	err          error // behind ahead
	// clockLead is how far the frames returned so far are ahead of the file's clock, because none is shorter than shortest.
	clockLead time.Duration
}

type ivfFrame struct {
	data   []byte // nil behind the last frame
	tick   uint64
	hidden bool
}

const (
	// minFrameDuration is the least duration of a frame: hidden ones have none of their own, but need an RTP timestamp. Browsers,
	// whose clocks are of milliseconds, draw only the latest of two frames that are as close.
	minFrameDuration = 100 * time.Microsecond
	// maxDuration is longer than any file.
	maxDuration = 10_000 * time.Hour
	// maxFrameRate and fallback are pictures a second: the most that a file may state, and what it is played at otherwise.
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
	// Some writers leave the length of the header at 0.
	if _, err := v.in.Discard(max(0, int(binary.LittleEndian.Uint16(h[6:]))-ivfHeaderSize)); err != nil {
		return nil, ErrDamaged
	}
	f.MimeType = v.codec.mime
	f.Width, f.Height = int(binary.LittleEndian.Uint16(h[12:])), int(binary.LittleEndian.Uint16(h[14:]))
	v.frameTicks = 1
	if v.rate > maxFrameRate*v.scale { // finer than any rate of pictures
		v.frameTicks = max(1, v.rate/(defaultFrameRate*v.scale))
	}
	if v.nextFrame, v.err = v.read(); errors.Is(v.err, io.EOF) {
		return nil, ErrDamaged // no frame at all
	}
	return v, v.err
}

// time converts ticks of the file's clock.
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

// read returns the next frame that is not empty. Encoders leave empty ones where they dropped a picture.
//
// WebRTC's decoders take a frame that yields no picture for an error and wait for a key frame. Hidden frames of VP9 are
// thus put into a superframe with the next visible one, and those of VP8, which has none, are sent as visible.
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

// readFrame reads a frame and its header.
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

// frameDuration returns the time from the beginning of one frame to the next.
func (v *ivfReader) frameDuration(now, then ivfFrame) time.Duration {
	ticks := then.tick - now.tick
	switch {
	case then.data == nil, then.tick < now.tick, ticks == 0 && !now.hidden: // the last one, or no usable clock
		return v.time(v.frameTicks)
	case now.hidden && ticks == v.frameTicks:
		// ffmpeg's muxer moves frames that share a timestamp apart, and all later ones with them.
		return 0
	case !now.hidden && !then.hidden:
		v.frameTicks = ticks
	}
	return v.time(then.tick) - v.time(now.tick)
}

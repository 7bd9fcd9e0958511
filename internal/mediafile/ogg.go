package mediafile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/pion/webrtc/v4"
)

// errChannels is returned for more than two channels, which need several Opus streams.
var errChannels = errors.New("its channels are in several Opus streams, which WebRTC cannot send; encode it with ffmpeg's -ac 2")

const (
	// maxOggPacket is the largest Ogg packet in bytes. Opus needs 1,275 for each of at most 48 frames (RFC 6716,
	// section 3.4). Larger packets are comment headers with embedded images (RFC 7845, section 5.2), which are
	// ignored.
	maxOggPacket = 64 << 10
	// maxOpusTicks is the duration of the longest Opus packet, 120 ms (RFC 6716, section 3.4), in ticks of the Opus
	// clock.
	maxOpusTicks = audioClock * 120 / 1000
	// minOpusTicks is the duration of the shortest Opus packet, 2.5 ms. Shorter gaps between granule positions are
	// not pauses.
	minOpusTicks = audioClock * 25 / 10_000

	// noGranule is the granule position of a page on which no packet ends (RFC 3533, section 6).
	noGranule = math.MaxUint64

	opusHead, opusTags = "OpusHead", "OpusTags"
)

// oggReader reads Opus packets from an Ogg file. A file is a chain of links, each of which may multiplex several
// streams (RFC 3533, section 4). From each link, the reader reads the first Opus stream.
type oggReader struct {
	pages         *oggPageReader
	inHeaderPages bool // reading the first pages of a link, one for each stream
	opusFound     bool // this link's Opus stream was found
	playing       bool
	serial        uint32 // serial number of the Opus stream
	stereo        bool

	sequence     uint32 // of the previous page
	partial      []byte // beginning of a packet that continues on the next page
	incomplete   bool   // the packet is too long, or its beginning was lost
	granule      uint64 // granule position after the last packet
	granuleKnown bool   // granule is valid
	queue        []Frame
}

func (f *File) readOgg() (frameReader, error) {
	o := &oggReader{pages: newOggPageReader(f.file)}
	for !o.playing {
		page, err := o.pages.next()
		if errors.Is(err, io.EOF) || errors.Is(err, ErrDamaged) {
			return nil, fmt.Errorf("it is Ogg without Opus, %w", ErrFormat)
		}
		if err == nil {
			err = o.addPage(page)
		}
		if err != nil {
			return nil, err
		}
	}
	f.MimeType, f.Stereo = webrtc.MimeTypeOpus, o.stereo
	return o, nil
}

func (o *oggReader) next() (Frame, error) {
	for len(o.queue) == 0 {
		page, err := o.pages.next()
		if err == nil {
			err = o.addPage(page)
		}
		if err != nil {
			return Frame{}, err
		}
	}
	frame := o.queue[0]
	o.queue = o.queue[1:]
	return frame, nil
}

// addPage adds the packets that end on a page to the queue.
func (o *oggReader) addPage(p oggPage) error {
	if p.flags&oggFirst != 0 {
		return o.startStream(p)
	}
	o.inHeaderPages = false
	if !o.playing || p.serial != o.serial {
		return nil
	}
	if p.flags&oggContinued == 0 {
		o.partial, o.incomplete = nil, false
	} else if p.sequence != o.sequence+1 || o.partial == nil { // the previous page was lost
		o.partial, o.incomplete = nil, true
	}
	o.sequence = p.sequence
	o.queuePackets(p, o.split(p))
	return nil
}

// startStream handles the first page of a stream. The stream is selected if it is the link's first Opus stream.
func (o *oggReader) startStream(p oggPage) error {
	if !o.inHeaderPages {
		o.inHeaderPages, o.opusFound = true, false
	}
	if !bytes.HasPrefix(p.body, []byte(opusHead)) {
		o.playing = o.playing && p.serial != o.serial
		return nil
	}
	if o.opusFound {
		return nil
	}
	stereo, err := parseOpusHead(p.body)
	if err != nil {
		return err
	}
	o.opusFound, o.playing, o.serial, o.sequence, o.stereo = true, true, p.serial, p.sequence, stereo
	o.partial, o.incomplete, o.granuleKnown = nil, false, false
	return nil
}

// parseOpusHead reports whether an Opus stream is stereo (RFC 7845, section 5.1). It returns an error if the channels
// are in several Opus streams. Mapping family 0 has no channel table and always has one stream.
func parseOpusHead(head []byte) (stereo bool, err error) {
	if len(head) < 19 || head[8]>>4 != 0 || head[9] == 0 { // different upper bits of the version are incompatible
		return false, ErrDamaged
	}
	if head[18] == 0 {
		if head[9] > 2 {
			return false, ErrDamaged
		}
		return head[9] == 2, nil
	}
	if len(head) < 21 {
		return false, ErrDamaged
	}
	if head[19] != 1 {
		return false, errChannels
	}
	return head[20] == 1, nil
}

// split returns the Opus packets that end on a page. A packet ends with a lacing value less than 255.
func (o *oggReader) split(p oggPage) (packets []Frame) {
	body := p.body
	for _, n := range p.lacing {
		if o.incomplete = o.incomplete || len(o.partial)+int(n) > maxOggPacket; !o.incomplete {
			o.partial = append(o.partial, body[:n]...)
		}
		body = body[n:]
		if n == 255 {
			continue
		}
		packet := o.partial
		if o.incomplete {
			packet = nil
		}
		o.partial, o.incomplete = nil, false
		if ticks := opusTicks(packet); ticks > 0 {
			packets = append(packets, Frame{Data: packet, Duration: time.Duration(ticks) * time.Second / audioClock})
		}
	}
	return packets
}

// queuePackets adds packets to the queue. If the page's granule position shows a gap before them, because nothing was
// recorded or a page was lost, queuePackets adds a pause first (RFC 7845, section 4.1).
func (o *oggReader) queuePackets(p oggPage, packets []Frame) {
	if len(packets) == 0 {
		return
	}
	end := o.granule
	for _, f := range packets {
		end += opusTicks(f.Data)
	}
	if p.granule == noGranule || p.granule < end {
		p.granule = end
	}
	if gap := p.granule - end; o.granuleKnown && gap >= minOpusTicks {
		o.queue = append(o.queue, Frame{Duration: ticksDuration(gap)})
	}
	o.queue = append(o.queue, packets...)
	o.granule, o.granuleKnown = p.granule, true
}

// ticksDuration converts ticks of the Opus clock to a duration, at most maxDuration.
func ticksDuration(ticks uint64) time.Duration {
	seconds := ticks / audioClock
	if seconds >= uint64(maxDuration/time.Second) {
		return maxDuration
	}
	return time.Duration(seconds)*time.Second + time.Duration(ticks%audioClock)*time.Second/audioClock
}

// opusTicks returns the duration of an Opus packet in ticks of the Opus clock. It returns 0 for headers and invalid
// packets.
func opusTicks(packet []byte) uint64 {
	if bytes.HasPrefix(packet, []byte(opusHead)) || bytes.HasPrefix(packet, []byte(opusTags)) {
		return 0
	}
	if ticks := opus.PacketDuration2(packet); ticks <= maxOpusTicks {
		return uint64(ticks)
	}
	return 0
}

package mediafile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// capturePattern is what every Ogg page begins with.
const capturePattern = "OggS"

const (
	oggHeaderSize = 27 // bytes of a page before its lacing values
	// maxOggPageSize is the size of the largest page: 255 lacing values of 255.
	maxOggPageSize = oggHeaderSize + 255 + 255*255
)

// Flags of a page's header.
const (
	oggContinued = 1 << iota // its first packet began on the page before
	oggFirst                 // the first page of a logical stream
	oggLast                  // the last page of a logical stream
)

// oggPage is one page of a physical Ogg stream (RFC 3533, section 6).
type oggPage struct {
	flags            byte
	granule          uint64
	serial, sequence uint32
	lacing, body     []byte // valid until the next page is read
}

// oggPageReader reads pages. What is no page, or one with a wrong checksum, is skipped up to the next capture pattern.
type oggPageReader struct {
	in      *bufio.Reader // holds the largest page
	skipped bool          // something since the last page
}

func newOggPageReader(file io.Reader) *oggPageReader {
	return &oggPageReader{in: bufio.NewReaderSize(file, maxOggPageSize)}
}

// next returns the next page; at the end of the file io.EOF, or ErrDamaged if something other than a page is there.
func (o *oggPageReader) next() (oggPage, error) {
	for {
		head, err := o.in.Peek(oggHeaderSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return oggPage{}, err
		}
		if len(head) < oggHeaderSize {
			if o.skipped || len(head) > 0 {
				return oggPage{}, ErrDamaged
			}
			return oggPage{}, io.EOF
		}
		if !bytes.HasPrefix(head, []byte(capturePattern)) {
			o.skipToPage()
			continue
		}
		raw := o.peekPage(head[26])
		if raw == nil || oggChecksum(raw) != binary.LittleEndian.Uint32(raw[22:]) {
			o.skipToPage()
			continue
		}
		o.skipped = false
		_, _ = o.in.Discard(len(raw)) // it was peeked at
		body := oggHeaderSize + int(raw[26])
		return oggPage{
			flags: raw[5], granule: binary.LittleEndian.Uint64(raw[6:]),
			serial: binary.LittleEndian.Uint32(raw[14:]), sequence: binary.LittleEndian.Uint32(raw[18:]),
			lacing: raw[oggHeaderSize:body], body: raw[body:],
		}, nil
	}
}

// peekPage peeks at a page with that number of lacing values; nil if the file ends before the page does.
func (o *oggPageReader) peekPage(lacing byte) []byte {
	size := oggHeaderSize + int(lacing)
	head, err := o.in.Peek(size)
	if err != nil {
		return nil
	}
	for _, n := range head[oggHeaderSize:] {
		size += int(n)
	}
	raw, err := o.in.Peek(size)
	if err != nil {
		return nil
	}
	return raw
}

// skipToPage moves on by at least a byte, to the next capture pattern or to what may be its beginning.
func (o *oggPageReader) skipToPage() {
	o.skipped = true
	seen, _ := o.in.Peek(o.in.Buffered())
	n := bytes.Index(seen[1:], []byte(capturePattern)) + 1
	if n == 0 {
		n = max(1, len(seen)-len(capturePattern)+1)
	}
	_, _ = o.in.Discard(n) // it is in the buffer
}

// oggCRCTable is for a CRC of 32 bits with the generator polynomial 0x04c11db7, most significant bit first; hash/crc32 has
// the other order only.
var oggCRCTable = func() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			crc = crc<<1 ^ crc>>31*0x04c11db7
		}
		table[i] = crc
	}
	return table
}()

// oggChecksum is the checksum of a page, taken with the field of the checksum as 0.
func oggChecksum(page []byte) (crc uint32) {
	for i, b := range page {
		if i >= 22 && i < 26 {
			b = 0
		}
		crc = crc<<8 ^ oggCRCTable[byte(crc>>24)^b]
	}
	return crc
}

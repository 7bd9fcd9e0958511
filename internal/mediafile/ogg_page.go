package mediafile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// capturePattern is the beginning of every Ogg page.
const capturePattern = "OggS"

const (
	oggHeaderSize = 27 // size in bytes of a page header without lacing values
	// maxOggPageSize is the size of the largest page in bytes. It has 255 lacing values of 255.
	maxOggPageSize = oggHeaderSize + 255 + 255*255
)

// Flags in a page header.
const (
	oggContinued = 1 << iota // the first packet continues from the previous page
	oggFirst                 // first page of a logical stream
	oggLast                  // last page of a logical stream
)

// oggPage is a page of a physical Ogg stream (RFC 3533, section 6).
type oggPage struct {
	flags            byte
	granule          uint64
	serial, sequence uint32
	lacing, body     []byte // valid until the next page is read
}

// oggPageReader reads pages. It skips damaged pages and other data up to the next capture pattern.
type oggPageReader struct {
	in      *bufio.Reader // large enough for the largest page
	skipped bool          // data was skipped since the last page
}

func newOggPageReader(file io.Reader) *oggPageReader {
	return &oggPageReader{in: bufio.NewReaderSize(file, maxOggPageSize)}
}

// next returns the next page. At the end of the file it returns io.EOF, or ErrDamaged if the data just before the end
// is not a page.
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
		_, _ = o.in.Discard(len(raw)) // cannot fail: the page was peeked at
		body := oggHeaderSize + int(raw[26])
		return oggPage{
			flags: raw[5], granule: binary.LittleEndian.Uint64(raw[6:]),
			serial: binary.LittleEndian.Uint32(raw[14:]), sequence: binary.LittleEndian.Uint32(raw[18:]),
			lacing: raw[oggHeaderSize:body], body: raw[body:],
		}, nil
	}
}

// peekPage returns the next page, which has the given number of lacing values, without consuming it. It returns nil
// if the file ends within the page.
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

// skipToPage discards at least one byte. It stops at the next capture pattern, or at buffered bytes that may be the
// beginning of one.
func (o *oggPageReader) skipToPage() {
	o.skipped = true
	seen, _ := o.in.Peek(o.in.Buffered())
	n := bytes.Index(seen[1:], []byte(capturePattern)) + 1
	if n == 0 {
		n = max(1, len(seen)-len(capturePattern)+1)
	}
	_, _ = o.in.Discard(n) // cannot fail: the bytes are buffered
}

// oggCRCTable is the table of Ogg's 32-bit CRC, with the polynomial 0x04c11db7 and the most significant bit first.
// hash/crc32 supports only the reversed bit order.
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

// oggChecksum returns the checksum of a page, computed as if the page's checksum field were 0.
func oggChecksum(page []byte) (crc uint32) {
	for i, b := range page {
		if i >= 22 && i < 26 {
			b = 0
		}
		crc = crc<<8 ^ oggCRCTable[byte(crc>>24)^b]
	}
	return crc
}

package codec

import "encoding/binary"

// REDBlock is one encoding inside a RED payload (RFC 2198, section 3): a copy of an earlier one, or the newest.
type REDBlock struct {
	Offset  uint32 // how far before the packet's timestamp it begins, in the clock's units
	Payload []byte // points into the packet
}

// maxREDBlocks bounds the encodings in one packet; browsers send two or three.
const maxREDBlocks = 8

// ParseRED appends the encodings in payload to blocks, the oldest first and the newest last, and returns them. It
// returns ErrShort for a payload whose headers promise more than it holds, or more blocks than any sender makes.
func ParseRED(payload []byte, blocks []REDBlock) ([]REDBlock, error) {
	var sizes [maxREDBlocks]int
	n, at := 0, 0
	for {
		if at >= len(payload) {
			return nil, ErrShort
		}
		if payload[at]&0x80 == 0 { // the last header is one byte: no offset, and the length is what is left
			at++
			break
		}
		if n == maxREDBlocks || at+4 > len(payload) {
			return nil, ErrShort
		}
		h := binary.BigEndian.Uint32(payload[at:])
		sizes[n] = int(h & 0x3ff)
		blocks = append(blocks, REDBlock{Offset: h >> 10 & 0x3fff})
		n++
		at += 4
	}
	first := len(blocks) - n
	for i := range n {
		end := at + sizes[i]
		if end > len(payload) {
			return nil, ErrShort
		}
		blocks[first+i].Payload = payload[at:end]
		at = end
	}
	return append(blocks, REDBlock{Payload: payload[at:]}), nil
}

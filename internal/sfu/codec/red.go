package codec

import "encoding/binary"

// REDBlock is one encoding in a RED payload (RFC 2198, section 3): the newest one, or a redundant copy of an older one.
type REDBlock struct {
	Offset  uint32 // how far its timestamp is before the packet's, in clock units
	Payload []byte // points into the packet
}

// maxREDBlocks is the maximum number of redundant encodings in one packet. Browsers send one or two.
const maxREDBlocks = 8

// ParseRED appends the encodings in payload to blocks, from the oldest to the newest, and returns them. It returns
// ErrShort for a payload that is shorter than its headers say, or that has more than maxREDBlocks redundant encodings.
func ParseRED(payload []byte, blocks []REDBlock) ([]REDBlock, error) {
	var sizes [maxREDBlocks]int
	n, at := 0, 0
	for {
		if at >= len(payload) {
			return nil, ErrShort
		}
		if payload[at]&0x80 == 0 { // the last header has one byte: its encoding has offset 0 and extends to the end
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

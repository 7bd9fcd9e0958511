package sfu

import "meet/internal/sfu/codec"

// unpackLocked forwards p, a RED packet (RFC 2198), to a subscriber that only takes plain Opus: the newest encoding in it,
// and before that the earlier ones that it repeats and that have been lost on the publisher's path.
func (d *DownTrack) unpackREDLocked(p *Packet) {
	blocks, err := codec.ParseRED(p.Payload, d.scratch.blocks[:0])
	if err != nil {
		return // the publisher's garbage
	}
	d.scratch.blocks = blocks
	q := &d.scratch.unpacked
	*q = *p
	q.Header.Padding, q.Header.PaddingSize = false, 0
	for i, b := range blocks {
		// Senders repeat what they sent just before, so the copies are those of the numbers before this one.
		age := uint16(len(blocks) - 1 - i)
		q.Header.SequenceNumber = p.Header.SequenceNumber - age
		if len(b.Payload) == 0 || d.fwd.HasForwarded(&q.Packet) || age > 0 && !d.fwd.IsNewer(&q.Packet) {
			continue
		}
		q.Header.Timestamp = p.Header.Timestamp - b.Offset
		q.Header.Extensions = p.Header.Extensions
		if age > 0 {
			q.Header.Extensions = nil // they are of the newest
		}
		q.Payload = b.Payload
		d.writeLocked(q)
	}
}

// newestBlock returns the newest encoding in a RED payload, nil if there is none.
func (d *DownTrack) newestREDBlock(payload []byte) []byte {
	blocks, err := codec.ParseRED(payload, d.scratch.blocks[:0])
	if err != nil {
		return nil
	}
	d.scratch.blocks = blocks
	return blocks[len(blocks)-1].Payload
}

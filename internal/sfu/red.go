package sfu

import "meet/internal/sfu/codec"

// unpackREDLocked forwards the Opus packets in p, a RED packet (RFC 2198), to a subscriber that cannot decode RED. p
// contains older encodings and the newest one. Older encodings are sent only if their own packets were lost on the
// publisher's path. The newest encoding is sent last.
func (d *DownTrack) unpackREDLocked(p *Packet) {
	blocks, err := codec.ParseRED(p.Payload, d.scratch.blocks[:0])
	if err != nil {
		return // malformed
	}
	d.scratch.blocks = blocks
	q := &d.scratch.unpacked
	*q = *p
	q.Header.Padding, q.Header.PaddingSize = false, 0
	for i, b := range blocks {
		// RED has no sequence numbers for older encodings. Senders repeat those sent directly before this packet.
		age := uint16(len(blocks) - 1 - i)
		q.Header.SequenceNumber = p.Header.SequenceNumber - age
		if len(b.Payload) == 0 || d.fwd.HasForwarded(&q.Packet) || age > 0 && !d.fwd.IsNewer(&q.Packet) {
			continue
		}
		q.Header.Timestamp = p.Header.Timestamp - b.Offset
		q.Header.Extensions = p.Header.Extensions
		if age > 0 {
			q.Header.Extensions = nil // extensions describe the newest encoding
		}
		q.Payload = b.Payload
		d.writeLocked(q)
	}
}

// newestREDBlock returns the newest encoding in a RED payload, nil if the payload is malformed.
func (d *DownTrack) newestREDBlock(payload []byte) []byte {
	blocks, err := codec.ParseRED(payload, d.scratch.blocks[:0])
	if err != nil {
		return nil
	}
	d.scratch.blocks = blocks
	return blocks[len(blocks)-1].Payload
}

package rtc

import (
	"cmp"
	"context"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/decode"
)

// handleData forwards a DataPacket that the client sent on its channel of that kind (docs/protocol.md, 6.1). It runs on
// the channel's goroutine and waits for slow recipients.
func (d *dataTransfer) handleData(kind livekit.DataPacket_Kind, raw []byte) {
	if packet := readPacket(raw); packet != nil {
		packet.Kind = kind
		d.forwardData(packet)
	}
}

// readPacket decodes a DataPacket and returns nil if raw is not one. Unknown fields are dropped. If the packet has an
// unknown kind, from a newer protocol, it is returned with all its fields.
func readPacket(raw []byte) *livekit.DataPacket {
	packet := &livekit.DataPacket{}
	if decode.Proto(raw, packet) != nil {
		return nil
	}
	if packet.Value == nil {
		packet = &livekit.DataPacket{}
		if proto.Unmarshal(raw, packet) != nil {
			return nil
		}
	}
	return packet
}

// handlePayload forwards a message from one of the application's own channels as user data.
func (d *dataTransfer) handlePayload(kind livekit.DataPacket_Kind, raw []byte) {
	d.forwardData(&livekit.DataPacket{Kind: kind, Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: raw}}})
}

// forwardData sends packet to its recipients and waits for slow ones. It runs on the goroutine of the client's channel.
func (d *dataTransfer) forwardData(packet *livekit.DataPacket) {
	var to []*outbox
	// The loop only determines the recipients. Encoding and queueing happen here, for one packet of the channel at a
	// time.
	life := func(p *Participant) context.Context { return p.context }
	if d.p.doOnLoop(life, func(p *Participant) { to = p.data.processPacket(packet) }) != nil || len(to) == 0 {
		return
	}
	raw, err := proto.Marshal(packet)
	if err != nil || len(raw) > maxForwarded {
		d.p.log.Debug("data packet not forwarded", "bytes", len(raw), "err", err)
		return
	}
	if packet.Kind == livekit.DataPacket_LOSSY {
		for _, o := range to {
			o.putLossy(raw)
		}
		return
	}
	for _, o := range to {
		o.put(raw)
	}
	for _, o := range to {
		o.waitBackpressure(d.p.latest().context, len(to) == 1)
	}
}

// processPacket checks a packet from the participant, sets its sender and returns the outboxes of its recipients; none
// if the packet is dropped.
func (d *dataTransfer) processPacket(packet *livekit.DataPacket) []*outbox {
	p := d.p
	if p.closed || d.handleRPCAnswer(packet) {
		return nil
	}
	id, calls := callID(packet)
	if !calls && !p.info.Permission.GetCanPublishData() {
		return nil
	}
	if packet.Kind == livekit.DataPacket_RELIABLE && packet.Sequence > 0 {
		if packet.Sequence <= d.lastSequence {
			return nil // a duplicate sent after a resume
		}
		d.lastSequence = packet.Sequence
	}
	if calls {
		if e := d.callError(packet.DestinationIdentities); e != nil {
			return d.refuseCall(packet, id, e)
		}
	}
	switch v := packet.Value.(type) {
	case *livekit.DataPacket_Speaker: // obsolete: replaced by speakers_changed
		return nil
	case *livekit.DataPacket_Transcription:
		if p.info.Kind != livekit.ParticipantInfo_AGENT {
			return nil
		}
	case *livekit.DataPacket_User:
		if v.User == nil || len(v.User.Nonce) == nonceSize && !p.room.nonces.addIfNew([nonceSize]byte(v.User.Nonce)) {
			return nil
		}
	case nil:
		if len(packet.ProtoReflect().GetUnknown()) == 0 {
			return nil // the packet is empty; a value newer than this server would be an unknown field
		}
	}
	d.sign(packet)
	return p.room.recipients(p, packet)
}

// sign sets the sender of the packet and overwrites the client's values. There is one exception: an agent may send
// chat and text on behalf of another identity. Such messages are marked as generated.
func (d *dataTransfer) sign(packet *livekit.DataPacket) {
	p := d.p
	packet.ParticipantSid = p.sid()
	identity := p.identity()
	if p.hidden() {
		packet.ParticipantSid, identity = "", d.hiddenSender(packet)
	}
	if spokenFor := packet.ParticipantIdentity; p.info.Kind == livekit.ParticipantInfo_AGENT && spokenFor != "" && spokenFor != p.identity() {
		switch v := packet.Value.(type) {
		case *livekit.DataPacket_ChatMessage:
			v.ChatMessage.Generated = true
			identity = spokenFor
		case *livekit.DataPacket_StreamHeader:
			if text := v.StreamHeader.GetTextHeader(); text != nil {
				text.Generated = true
				identity = spokenFor
			}
		}
	}
	packet.ParticipantIdentity = identity
	if user := packet.GetUser(); user != nil {
		user.ParticipantSid, user.ParticipantIdentity = p.sid(), p.identity()
		if p.hidden() {
			user.ParticipantSid, user.ParticipantIdentity = "", ""
		}
		if len(packet.DestinationIdentities) == 0 {
			packet.DestinationIdentities = user.DestinationIdentities
		}
		user.DestinationIdentities = packet.DestinationIdentities
	}
}

// recipients returns the outboxes of the participants that the packet names. If the packet names none, it returns those
// of all participants but the sender. The sender is the participant from; from is nil if the server sends the packet.
func (r *Room) recipients(from *Participant, packet *livekit.DataPacket) []*outbox {
	_, metrics := packet.Value.(*livekit.DataPacket_Metrics)
	lossy := packet.Kind == livekit.DataPacket_LOSSY
	var to []*outbox
	add := func(o *Participant) {
		switch {
		case metrics && !o.info.Permission.GetCanSubscribeMetrics():
		case o == from && !metrics: // metrics are also returned to a sender that collects them
		case lossy && o.info.State != livekit.ParticipantInfo_ACTIVE:
		default:
			to = append(to, o.data.out)
		}
	}
	identities, sids := packet.DestinationIdentities, packet.GetUser().GetDestinationSids()
	if len(identities) == 0 && len(sids) == 0 {
		_, calls := callID(packet)
		for _, o := range r.participants {
			if !calls || !o.hidden() { // the answer would reveal the hidden participant's identity
				add(o)
			}
		}
		return to
	}
	// A packet may name thousands of participants, so the names are matched by sets.
	named := make(map[*Participant]bool, min(len(identities)+len(sids), len(r.participants)))
	for _, identity := range identities {
		if o := cmp.Or(r.participants[identity], r.callerAliases[identity]); o != nil {
			named[o] = true
		}
	}
	if len(sids) > 0 {
		wanted := make(map[string]bool, len(sids))
		for _, sid := range sids {
			wanted[sid] = true
		}
		for _, o := range r.participants {
			if wanted[o.sid()] {
				named[o] = true
			}
		}
	}
	for o := range named {
		add(o)
	}
	return to
}

const (
	nonceSize = 16 // in bytes (docs/protocol.md, 6.1)
	// maxNonces is the maximum number of nonces stored for a room. The oldest are dropped first.
	maxNonces = 4096
)

// nonceSet stores the latest nonces of user packets, so that a packet that is sent twice is forwarded once.
type nonceSet struct {
	seen map[[nonceSize]byte]bool
	ring [][nonceSize]byte
	next int
}

// addIfNew stores n and reports whether it was not stored already.
func (s *nonceSet) addIfNew(n [nonceSize]byte) bool {
	if s.seen[n] {
		return false
	}
	if s.seen == nil {
		s.seen = map[[nonceSize]byte]bool{}
	}
	if len(s.ring) < maxNonces {
		s.ring = append(s.ring, n)
	} else {
		delete(s.seen, s.ring[s.next])
		s.ring[s.next] = n
		s.next = (s.next + 1) % maxNonces
	}
	s.seen[n] = true
	return true
}

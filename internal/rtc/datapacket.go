package rtc

import (
	"cmp"
	"context"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/decode"
)

// handleData forwards a DataPacket from the client's channel of that kind to its receivers (docs/protocol.md, 6.1). It runs
// on the channel's goroutine, and waits there for slow receivers.
func (d *dataTransfer) handleData(kind livekit.DataPacket_Kind, raw []byte) {
	if packet := readPacket(raw); packet != nil {
		packet.Kind = kind
		d.forwardData(packet)
	}
}

// readPacket decodes a DataPacket and returns nil if raw is none. Unknown fields are dropped, except in a packet without
// a known value: its value is newer than this server, so it is forwarded as it is.
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

// handlePayload forwards a message from a channel of the application's own as user data.
func (d *dataTransfer) handlePayload(kind livekit.DataPacket_Kind, raw []byte) {
	d.forwardData(&livekit.DataPacket{Kind: kind, Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: raw}}})
}

func (d *dataTransfer) forwardData(packet *livekit.DataPacket) {
	var to []*outbox
	// The loop only decides. Encoding and queueing happen here, one packet of the channel after another.
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

// route checks and signs a packet of the participant and returns the outboxes of its receivers.
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
			return nil // sent again after a resume
		}
		d.lastSequence = packet.Sequence
	}
	if calls {
		if e := d.callError(packet.DestinationIdentities); e != nil {
			return d.refuseCall(packet, id, e)
		}
	}
	switch v := packet.Value.(type) {
	case *livekit.DataPacket_Speaker: // long replaced by speakers_changed
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
			return nil // nothing at all, as opposed to something newer than we are
		}
	}
	d.sign(packet)
	return p.room.recipients(p, packet)
}

// sign writes the sender into the packet, whatever the client wrote there.
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

// receivers returns the outboxes of a packet's receivers: the participants that it names, else everybody but the sender.
func (r *Room) recipients(from *Participant, packet *livekit.DataPacket) []*outbox {
	_, metrics := packet.Value.(*livekit.DataPacket_Metrics)
	lossy := packet.Kind == livekit.DataPacket_LOSSY
	var to []*outbox
	add := func(o *Participant) {
		switch {
		case metrics && !o.info.Permission.GetCanSubscribeMetrics():
		case o == from && !metrics: // metrics go back to their sender too, if it collects them
		case lossy && o.info.State != livekit.ParticipantInfo_ACTIVE:
		default:
			to = append(to, o.data.out)
		}
	}
	identities, sids := packet.DestinationIdentities, packet.GetUser().GetDestinationSids()
	if len(identities) == 0 && len(sids) == 0 {
		_, calls := callID(packet)
		for _, o := range r.participants {
			if !calls || !o.hidden() { // its answer would reveal its identity
				add(o)
			}
		}
		return to
	}
	// By a set of those named, since a packet may name thousands.
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
	nonceSize = 16 // bytes (docs/protocol.md, 6.1)
	// maxNonces bounds how many are remembered for a room; the oldest is forgotten first.
	maxNonces = 4096
)

// nonceSet remembers the latest nonces of user packets, so that a packet that is sent twice arrives once.
type nonceSet struct {
	seen map[[nonceSize]byte]bool
	ring [][nonceSize]byte
	next int
}

// first reports whether n is new, and remembers it.
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

package rtc

import (
	"slices"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"
)

// Labels of the data channels (livekit-protocol.md, 2.7).
const (
	reliableLabel  = "_reliable"
	lossyLabel     = "_lossy"
	dataTrackLabel = "_data_track" // clients open it always; Meet has no data tracks
)

const (
	// maxWaiting bounds the reliable messages kept for a client whose channel is not open yet, in bytes.
	maxWaiting = 1 << 20
	// maxBuffered bounds what a channel may have queued towards a slow client, in bytes: beyond it reliable messages are
	// dropped. A lossy channel drops much earlier, since what waits there is stale.
	maxBuffered, maxBufferedLossy = 8 << 20, 64 << 10
	// maxChannels bounds the channels open at a time, ours included: each has a buffer of 64 KiB for reading.
	maxChannels = 32
)

// dataChannels are the ones a client receives on.
type dataChannels struct {
	reliable, lossy *webrtc.DataChannel // nil until open
	waiting         [][]byte            // reliable messages until then
	waitingBytes    int
}

// openChannels makes the server's data channels, before the first offer.
func (t *Transport) openChannels(opened func(*webrtc.DataChannel)) {
	t.work.post(func() {
		ordered, none := true, uint16(0)
		unordered := false
		for label, init := range map[string]*webrtc.DataChannelInit{
			reliableLabel: {Ordered: &ordered},
			lossyLabel:    {Ordered: &unordered, MaxRetransmits: &none},
		} {
			dc, err := t.pc.CreateDataChannel(label, init)
			if err != nil {
				t.fail(err)
				return
			}
			dc.OnOpen(func() { opened(dc) })
			t.hooks.dataChannel(dc)
		}
	})
}

// takeChannel receives what the client sends on dc. In single mode, and for those who may not subscribe, it is also the
// one we send on.
func (p *Participant) takeChannel(dc *webrtc.DataChannel) {
	if p.channels.Add(1) > maxChannels {
		p.channels.Add(-1)
		_ = dc.Close()
		return
	}
	dc.OnClose(func() { p.channels.Add(-1) })
	label := dc.Label()
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		// Waits its turn, so that a client that floods waits for itself and SCTP's window closes.
		_ = p.room.loop.do(p.room.context, func() { p.dataArrived(label, m.Data) })
	})
	if p.subscriber == nil {
		dc.OnOpen(func() { p.channelOpened(dc) })
	}
}

// channelOpened notes a channel we may send on, and sends what has waited for it. It is called by pion.
func (p *Participant) channelOpened(dc *webrtc.DataChannel) {
	p.room.loop.post(func() {
		if p.closed {
			return
		}
		switch dc.Label() {
		case reliableLabel:
			p.data.reliable = dc
			for _, m := range p.data.waiting {
				p.sendOn(dc, m, maxBuffered)
			}
			p.data.waiting, p.data.waitingBytes = nil, 0
		case lossyLabel:
			p.data.lossy = dc
		}
	})
}

// dataArrived takes one message from the client's channel of that label to whom it is for (livekit-protocol.md, 6.1).
func (p *Participant) dataArrived(label string, raw []byte) {
	if p.closed || !p.info.Permission.GetCanPublishData() {
		return
	}
	packet := &livekit.DataPacket{}
	kind := livekit.DataPacket_RELIABLE
	switch label {
	case reliableLabel:
	case lossyLabel:
		kind = livekit.DataPacket_LOSSY
	case dataTrackLabel:
		return
	default: // an application's own channel
		packet.Value = &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: raw}}
		raw = nil
	}
	if raw != nil && proto.Unmarshal(raw, packet) != nil {
		return
	}
	if kind == livekit.DataPacket_RELIABLE && packet.Sequence > 0 {
		if packet.Sequence <= p.lastData {
			return // sent again after a resume
		}
		p.lastData = packet.Sequence
	}
	packet.Kind = kind
	p.sign(packet)
	p.room.deliver(p, packet)
}

// sign writes the sender into the packet, whatever it said.
func (p *Participant) sign(packet *livekit.DataPacket) {
	packet.ParticipantSid = p.sid()
	identity := p.identity()
	if p.hidden() {
		identity = ""
	}
	if spokenFor := packet.ParticipantIdentity; p.info.Kind == livekit.ParticipantInfo_AGENT && spokenFor != "" && spokenFor != identity {
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

// deliver sends the packet to its destinations: everybody but the sender, unless it names some.
func (r *Room) deliver(from *Participant, packet *livekit.DataPacket) {
	raw, err := proto.Marshal(packet)
	if err != nil {
		return // it was unmarshalled a moment ago
	}
	identities := packet.DestinationIdentities
	sids := packet.GetUser().GetDestinationSids()
	for _, o := range r.participants {
		if o == from || (len(identities) > 0 || len(sids) > 0) && !slices.Contains(identities, o.identity()) && !slices.Contains(sids, o.sid()) {
			continue
		}
		switch packet.Value.(type) {
		case *livekit.DataPacket_Transcription:
			if from.info.Kind != livekit.ParticipantInfo_AGENT {
				continue
			}
		case *livekit.DataPacket_Metrics:
			if !o.info.Permission.GetCanSubscribeMetrics() {
				continue
			}
		}
		o.receiveData(packet.Kind, raw)
	}
}

// receiveData sends raw to p's client. Reliable messages wait for a channel that is still opening, within bounds.
func (p *Participant) receiveData(kind livekit.DataPacket_Kind, raw []byte) {
	switch {
	case kind == livekit.DataPacket_LOSSY:
		if p.data.lossy != nil {
			p.sendOn(p.data.lossy, raw, maxBufferedLossy)
		}
	case p.data.reliable != nil:
		p.sendOn(p.data.reliable, raw, maxBuffered)
	case p.data.waitingBytes+len(raw) <= maxWaiting:
		p.data.waiting = append(p.data.waiting, raw)
		p.data.waitingBytes += len(raw)
	}
}

func (p *Participant) sendOn(dc *webrtc.DataChannel, raw []byte, limit uint64) {
	if dc.BufferedAmount() > limit {
		p.log.Debug("data dropped for a slow client", "label", dc.Label())
		return
	}
	if err := dc.Send(raw); err != nil {
		p.log.Debug("data not sent", "label", dc.Label(), "err", err)
	}
}

package rtc

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// Labels of the data channels (docs/protocol.md, 2.7).
const (
	reliableLabel  = "_reliable"
	lossyLabel     = "_lossy"
	dataTrackLabel = "_data_track"
)

const (
	// maxForwarded is the maximum size of a forwarded packet in bytes: the read buffer size of clients built on pion.
	maxForwarded = 65_535
	// maxChannels is the maximum number of open channels of one client, including the server's. Each has a read buffer
	// of 64 KiB.
	maxChannels = 32
	// maxChannelsOpened is the maximum number of channels that a client may open during its session. maxLabel is the
	// maximum length in bytes of a channel's label and protocol together, which pion stores until the connection ends.
	// A client that exceeds a limit must rejoin.
	maxChannelsOpened = 4096
	maxLabel          = 512
)

// channelCount counts the data channels that a client has opened: open now, and total since the join.
type channelCount struct{ open, total atomic.Int32 }

// openChannels opens the server's data channels. It is called before the first offer.
func (d *dataTransfer) openChannels() {
	t := d.p.conn.subscriber
	t.OpenDataChannel(reliableLabel, true, d.channelOpened)
	t.OpenDataChannel(lossyLabel, false, d.channelOpened)
	t.OpenDataChannel(dataTrackLabel, false, d.channelOpened)
}

// handleChannel receives the client's messages on the data channel dc. If the client has a single peer connection or
// may not subscribe, the server also sends on dc. handleChannel is called by pion, not on the room's loop.
func (d *dataTransfer) handleChannel(dc *webrtc.DataChannel) {
	if size := len(dc.Label()) + len(dc.Protocol()); d.channels.total.Add(1) > maxChannelsOpened || size > maxLabel {
		_ = dc.Close()
		d.failWith(errChannels)
		return
	}
	if d.channels.open.Add(1) > maxChannels {
		d.channels.open.Add(-1)
		_ = dc.Close()
		return
	}
	dc.OnClose(func() { d.channels.open.Add(-1) })
	take := d.receiver(dc)
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		if len(m.Data) > peer.MaxMessageSize { // pion has grown its read buffer for the message and does not shrink it
			d.failWith(fmt.Errorf("rtc: a message on data channel %q has %d bytes; at most %d are allowed", dc.Label(), len(m.Data), peer.MaxMessageSize))
			return
		}
		take(m.Data)
	})
	if !d.p.conn.subscriberFirst {
		dc.OnOpen(func() { d.channelOpened(dc) })
	}
}

// receiver returns the handler of the messages on dc. Pion calls it for one message at a time and waits for it to
// return. A client that floods the channel is thus slowed down by SCTP's flow control.
func (d *dataTransfer) receiver(dc *webrtc.DataChannel) func([]byte) {
	switch label := dc.Label(); label {
	case dataTrackLabel:
		return d.forwardFrame
	case reliableLabel, lossyLabel:
		kind := livekit.DataPacket_RELIABLE
		if label == lossyLabel {
			kind = livekit.DataPacket_LOSSY
		}
		return func(raw []byte) { d.handleData(kind, raw) }
	default: // a channel of the application
		kind := livekit.DataPacket_RELIABLE
		if dc.MaxRetransmits() != nil || dc.MaxPacketLifeTime() != nil {
			kind = livekit.DataPacket_LOSSY
		}
		return func(raw []byte) { d.handlePayload(kind, raw) }
	}
}

// channelOpened makes dc available for sending. It is called by Pion, not on the room's loop.
func (d *dataTransfer) channelOpened(dc *webrtc.DataChannel) {
	d.p.onLoop(func(p *Participant) {
		if p.closed {
			return
		}
		d := &p.data
		if !d.outboxRunning {
			d.outboxRunning = true
			p.room.wg.Go(d.out.run) // ends when p does
		}
		d.out.open(dc, func() uint64 { return uint64(dc.Transport().Stats().CongestionWindow) })
	})
}

// disconnectSlowReader makes a client that reads its data too slowly rejoin. Otherwise reliable messages would be lost
// without the client noticing.
func (d *dataTransfer) disconnectSlowReader() { d.failWith(errSlowReader) }

var (
	errSlowReader = errors.New("rtc: the client reads its data channels too slowly")
	errChannels   = errors.New("rtc: the client has opened too many data channels, or one whose name is too long")
)

// failWith makes a client rejoin because of an error on its data channels. It may be called from any goroutine.
func (d *dataTransfer) failWith(err error) {
	d.p.onLoop(func(p *Participant) {
		if p.closed {
			return
		}
		p.log.Warn("data channel failed", "err", err)
		p.reconnect()
	})
}

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
	// maxForwarded is what the buffers of clients built on pion hold, in bytes.
	maxForwarded = 65_535
	// maxChannels bounds the channels open at a time, ours included: each has a buffer of 64 KiB for reading.
	maxChannels = 32
	// maxChannelsOpened bounds the channels of one client over its whole stay, and maxLabel the length of a channel's name, in
	// bytes: pion keeps both until the connection ends. A client that exceeds them has to join again.
	maxChannelsOpened = 4096
	maxLabel          = 512
)

// channelCount counts the data channels of one client, as pion tells us.
type channelCount struct{ open, total atomic.Int32 }

// openChannels opens the server's data channels, before the first offer.
func (d *dataTransfer) openChannels() {
	t := d.p.conn.subscriber
	t.OpenDataChannel(reliableLabel, true, d.channelOpened)
	t.OpenDataChannel(lossyLabel, false, d.channelOpened)
	t.OpenDataChannel(dataTrackLabel, false, d.channelOpened)
}

// handleChannel receives the client's messages on dc. In single mode, and for a client that may not subscribe, the server
// also sends on it.
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
		if len(m.Data) > peer.MaxMessageSize { // pion has grown its buffer for it, and keeps it
			d.failWith(fmt.Errorf("a message on data channel %q has %d bytes, of %d allowed", dc.Label(), len(m.Data), peer.MaxMessageSize))
			return
		}
		take(m.Data)
	})
	if !d.p.conn.subscriberFirst {
		dc.OnOpen(func() { d.channelOpened(dc) })
	}
}

// receiver returns the handler of a channel's messages. Pion calls it for one message after another and waits, so that a
// client that floods waits for itself: SCTP's window closes.
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
	default: // an application's own
		kind := livekit.DataPacket_RELIABLE
		if dc.MaxRetransmits() != nil || dc.MaxPacketLifeTime() != nil {
			kind = livekit.DataPacket_LOSSY
		}
		return func(raw []byte) { d.handlePayload(kind, raw) }
	}
}

// channelOpened notes a channel on which the server can send. It is called by pion.
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

// disconnectSlowReader makes a client join again that reads its data too slowly: it would otherwise miss reliable messages without
// learning of it.
func (d *dataTransfer) disconnectSlowReader() { d.failWith(errSlowReader) }

var (
	errSlowReader = errors.New("rtc: the client does not read its data")
	errChannels   = errors.New("rtc: too many data channels, or one with too long a name")
)

// failWith makes a client join again because of what happened on its data channels. It may be called from any goroutine.
func (d *dataTransfer) failWith(err error) {
	d.p.onLoop(func(p *Participant) {
		if p.closed {
			return
		}
		p.log.Warn("data channel failed", "err", err)
		p.reconnect()
	})
}

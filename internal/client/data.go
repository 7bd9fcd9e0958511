package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"
)

// maxReplayPackets is the number of sent reliable packets that the client keeps, to send them again after a resume.
const maxReplayPackets = 256

// maxBufferedAmount is the number of bytes that a data channel may buffer. When the buffer is full, senders wait
// until half of it has been sent. This is backpressure from a server that reads slowly.
const maxBufferedAmount = 1 << 20

// dataTrackLabel is the label of the data channel for data tracks.
const dataTrackLabel = "_data_track"

// dataChannels are the data channels that this client opens, and the reliable packets it has sent.
type dataChannels struct {
	reliable, lossy, dataTrack *webrtc.DataChannel

	openedByServer atomic.Int32 // number of data channels opened by the server

	mu           sync.Mutex // held while a reliable packet is sent, so that packets are sent in the order of their sequence numbers
	lastSequence uint32
	sent         []*livekit.DataPacket // the newest reliable packets, at most maxReplayPackets
}

// openDataChannels creates the reliable, lossy and data track channels.
func openDataChannels(c *Client, pc *webrtc.PeerConnection) (*dataChannels, error) {
	ordered, unordered, once := true, false, uint16(0)
	reliable, err := pc.CreateDataChannel("_reliable", &webrtc.DataChannelInit{Ordered: &ordered})
	if err != nil {
		return nil, fmt.Errorf("open reliable data channel: %w", err)
	}
	lossy, err := pc.CreateDataChannel("_lossy", &webrtc.DataChannelInit{Ordered: &unordered, MaxRetransmits: &once})
	if err != nil {
		return nil, fmt.Errorf("open lossy data channel: %w", err)
	}
	frames, err := pc.CreateDataChannel(dataTrackLabel, &webrtc.DataChannelInit{Ordered: &unordered, MaxRetransmits: &once})
	if err != nil {
		return nil, fmt.Errorf("open data track channel: %w", err)
	}
	for _, dc := range []*webrtc.DataChannel{reliable, lossy, frames} {
		dc.OnOpen(func() { c.update(func() {}) })
		dc.SetBufferedAmountLowThreshold(maxBufferedAmount / 2)
		dc.OnBufferedAmountLow(func() { c.update(func() {}) })
		c.receiveData(dc)
	}
	return &dataChannels{reliable: reliable, lossy: lossy, dataTrack: frames}, nil
}

func (d *dataChannels) open() bool {
	return d.reliable.ReadyState() == webrtc.DataChannelStateOpen && d.lossy.ReadyState() == webrtc.DataChannelStateOpen
}

// onDataChannel handles a data channel that the server opened.
func (c *Client) onDataChannel(dc *webrtc.DataChannel) {
	if dc.Label() == c.data.reliable.Label() || dc.Label() == c.data.lossy.Label() {
		dc.OnOpen(func() {
			c.data.openedByServer.Add(1)
			c.update(func() {})
		})
	}
	c.receiveData(dc)
}

// receiveData passes the messages of a data channel to OnData or OnDataTrackPacket.
func (c *Client) receiveData(dc *webrtc.DataChannel) {
	if dc.Label() == dataTrackLabel {
		dc.OnMessage(func(msg webrtc.DataChannelMessage) {
			if c.opts.OnDataTrackPacket != nil {
				c.opts.OnDataTrackPacket(msg.Data)
			}
		})
		return
	}
	dc.OnMessage(func(msg webrtc.DataChannelMessage) {
		packet := &livekit.DataPacket{}
		if err := proto.Unmarshal(msg.Data, packet); err != nil {
			c.log.Warn("data packet dropped", "channel", dc.Label(), "err", err)
			return
		}
		if c.opts.OnData != nil {
			c.opts.OnData(packet)
		}
	})
}

// PublishData sends a packet on the reliable or lossy data channel. It waits until the channel is open and not full.
// Reliable packets get sequence numbers, so that they are neither lost nor repeated in a resume.
func (c *Client) PublishData(ctx context.Context, kind livekit.DataPacket_Kind, packet *livekit.DataPacket) error {
	dc := c.data.lossy
	if kind == livekit.DataPacket_RELIABLE {
		dc = c.data.reliable
	}
	if err := c.awaitSendable(ctx, dc); err != nil {
		return fmt.Errorf("publish data: %w", err)
	}
	if kind == livekit.DataPacket_RELIABLE {
		return c.data.sendReliable(packet)
	}
	return send(dc, packet)
}

// PublishDataTrackPacket sends a packet of a data track. The packet must include its header. The call waits until the
// channel is open and not full.
func (c *Client) PublishDataTrackPacket(ctx context.Context, packet []byte) error {
	if err := c.awaitSendable(ctx, c.data.dataTrack); err != nil {
		return fmt.Errorf("publish a data track packet: %w", err)
	}
	if err := c.data.dataTrack.Send(packet); err != nil {
		return fmt.Errorf("publish a data track packet: %w", err)
	}
	return nil
}

// awaitSendable waits until dc is open and its buffer is not full.
func (c *Client) awaitSendable(ctx context.Context, dc *webrtc.DataChannel) error {
	if err := c.openPublisher(ctx); err != nil {
		return err
	}
	if err := c.Until(ctx, func() bool { return dc.ReadyState() == webrtc.DataChannelStateOpen }); err != nil {
		return fmt.Errorf("wait for the data channel: %w", err)
	}
	if dc.BufferedAmount() < maxBufferedAmount {
		return nil
	}
	if err := c.Until(ctx, func() bool { return dc.BufferedAmount() <= maxBufferedAmount/2 }); err != nil {
		return fmt.Errorf("wait until the data channel is not full: %w", err)
	}
	return nil
}

// openPublisher starts the publisher's negotiation if it has not started yet, and waits until the publisher's
// transport is connected.
func (c *Client) openPublisher(ctx context.Context) error {
	if !c.publisher.negotiated() {
		if _, err := c.publisher.offer(false); err != nil {
			return err
		}
	}
	return c.Until(ctx, c.publisher.connected)
}

// sendReliable gives a packet the next sequence number, keeps the packet for resend, and sends it.
func (d *dataChannels) sendReliable(packet *livekit.DataPacket) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastSequence++
	numbered := proto.CloneOf(packet)
	numbered.Sequence = d.lastSequence
	if len(d.sent) == maxReplayPackets {
		d.sent = append(d.sent[:0], d.sent[1:]...)
	}
	d.sent = append(d.sent, numbered)
	return send(d.reliable, numbered)
}

// resend sends again the reliable packets with sequence numbers higher than lastReceived. This is the last number
// that the server received before the socket was lost.
func (d *dataChannels) resend(lastReceived uint32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, packet := range d.sent {
		if packet.Sequence <= lastReceived {
			continue
		}
		if err := send(d.reliable, packet); err != nil {
			return fmt.Errorf("resend data: %w", err)
		}
	}
	return nil
}

// infos returns the descriptions of the data channels for a SyncState message.
func (d *dataChannels) infos() []*livekit.DataChannelInfo {
	var infos []*livekit.DataChannelInfo
	for _, dc := range []*webrtc.DataChannel{d.reliable, d.lossy, d.dataTrack} {
		if id := dc.ID(); id != nil {
			infos = append(infos, &livekit.DataChannelInfo{
				Label: dc.Label(), Id: uint32(*id), Target: livekit.SignalTarget_PUBLISHER,
			})
		}
	}
	return infos
}

func send(dc *webrtc.DataChannel, packet *livekit.DataPacket) error {
	raw, err := proto.Marshal(packet)
	if err != nil {
		return fmt.Errorf("encode data packet: %w", err)
	}
	if err := dc.Send(raw); err != nil {
		return fmt.Errorf("send data packet: %w", err)
	}
	return nil
}

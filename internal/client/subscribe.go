package client

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// receiveMTU is the size in bytes of the largest packet that pion returns.
const receiveMTU = 1460

// RemoteTrack is a subscribed track of another participant. Only one goroutine may read it at a time.
type RemoteTrack struct {
	track          *webrtc.TrackRemote
	pc             *webrtc.PeerConnection
	sid            string
	participantSID string

	packets, bytes, lost atomic.Uint64
	started              bool
	nextSequence         uint16 // expected sequence number of the next packet
}

// TrackStats are the counters of a remote track.
type TrackStats struct {
	Packets, Bytes uint64
	// Lost is the number of packets missing in the sequence numbers. Packets that arrive late are subtracted.
	Lost uint64
}

// onTrack passes a new remote track to OnTrack. pion calls it on a goroutine of its own.
func (c *Client) onTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	if !c.beginWork() {
		return
	}
	defer c.work.Done()
	pc := c.publisher.pc
	if c.subscriber != nil {
		pc = c.subscriber.pc
	}
	t := &RemoteTrack{track: track, pc: pc}
	t.participantSID, t.sid, _ = strings.Cut(track.StreamID(), "|")
	if !strings.HasPrefix(t.sid, "TR_") {
		t.sid = c.trackSID(track, receiver)
	}
	if !c.opts.NoInterceptors {
		c.spawn(func() { readReports(receiver) }) // ends with the receiver
	}
	if c.opts.OnTrack == nil {
		t.Drain()
		return
	}
	c.opts.OnTrack(t)
}

// readReports reads a receiver's RTCP until the receiver stops. pion processes RTCP packets only when they are read.
// It must process the server's sender reports, so that its receiver reports refer to them and the server can compute
// the round-trip time.
func readReports(receiver *webrtc.RTPReceiver) {
	b := make([]byte, receiveMTU)
	for {
		if _, _, err := receiver.Read(b); err != nil {
			return
		}
	}
}

// trackSID returns the SID of a track whose stream id does not contain it. It looks up the SID by the MID of the
// media section. If the MID is unknown, it returns the track id.
func (c *Client) trackSID(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) string {
	if tr := receiver.RTPTransceiver(); tr != nil {
		c.mu.Lock()
		sid := c.session.mids[tr.Mid()]
		c.mu.Unlock()
		if sid != "" {
			return sid
		}
	}
	return track.ID()
}

// SID returns the track SID, which the server assigned.
func (t *RemoteTrack) SID() string { return t.sid }

// ParticipantSID returns the SID of the participant that publishes the track.
func (t *RemoteTrack) ParticipantSID() string { return t.participantSID }

// Kind returns whether the track is audio or video.
func (t *RemoteTrack) Kind() webrtc.RTPCodecType { return t.track.Kind() }

// Codec returns the current codec.
func (t *RemoteTrack) Codec() webrtc.RTPCodecParameters { return t.track.Codec() }

// SSRC returns the SSRC of the track's RTP stream.
func (t *RemoteTrack) SSRC() webrtc.SSRC { return t.track.SSRC() }

// Read reads one RTP packet into b and counts it.
func (t *RemoteTrack) Read(b []byte) (int, error) {
	n, _, err := t.track.Read(b)
	if err != nil {
		return 0, err
	}
	t.count(b[:n])
	return n, nil
}

// ReadRTP reads and counts one RTP packet.
func (t *RemoteTrack) ReadRTP() (*rtp.Packet, error) {
	b := make([]byte, receiveMTU)
	n, err := t.Read(b)
	if err != nil {
		return nil, err
	}
	packet := &rtp.Packet{}
	if err := packet.Unmarshal(b[:n]); err != nil {
		return nil, fmt.Errorf("read RTP: %w", err)
	}
	return packet, nil
}

// Drain reads and counts packets until the track ends.
func (t *RemoteTrack) Drain() {
	b := make([]byte, receiveMTU)
	for {
		if _, err := t.Read(b); err != nil {
			return
		}
	}
}

// count updates the counters for a received packet.
func (t *RemoteTrack) count(packet []byte) {
	t.packets.Add(1)
	t.bytes.Add(uint64(len(packet)))
	if len(packet) < 4 {
		return
	}
	seq := uint16(packet[2])<<8 | uint16(packet[3])
	if !t.started {
		t.started, t.nextSequence = true, seq+1
		return
	}
	if ahead := int16(seq - t.nextSequence); ahead >= 0 {
		t.lost.Add(uint64(ahead))
		t.nextSequence = seq + 1
	} else if t.lost.Load() > 0 {
		t.lost.Add(^uint64(0)) // the packet was only late, not lost
	}
}

// Stats returns the counters of the packets read so far.
func (t *RemoteTrack) Stats() TrackStats {
	return TrackStats{Packets: t.packets.Load(), Bytes: t.bytes.Load(), Lost: t.lost.Load()}
}

// RequestKeyFrame sends a Picture Loss Indication (PLI) for the track.
func (t *RemoteTrack) RequestKeyFrame() error {
	pli := &rtcp.PictureLossIndication{MediaSSRC: uint32(t.track.SSRC())}
	if err := t.pc.WriteRTCP([]rtcp.Packet{pli}); err != nil {
		return fmt.Errorf("request key frame: %w", err)
	}
	return nil
}

// SetSubscribed subscribes to tracks or unsubscribes from them.
func (c *Client) SetSubscribed(subscribed bool, trackSIDs ...string) error {
	c.update(func() {
		for _, sid := range trackSIDs {
			c.session.subscribed[sid] = subscribed
		}
	})
	req := &livekit.UpdateSubscription{TrackSids: trackSIDs, Subscribe: subscribed}
	return c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: req}})
}

// UpdateTrackSettings sends settings of subscribed tracks to the server, such as the wanted quality or whether the
// tracks are disabled.
func (c *Client) UpdateTrackSettings(settings *livekit.UpdateTrackSettings) error {
	return c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: settings}})
}

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

// receiveMTU is the largest packet pion hands over.
const receiveMTU = 1460

// RemoteTrack is a track of another participant. One goroutine may read it.
type RemoteTrack struct {
	track          *webrtc.TrackRemote
	pc             *webrtc.PeerConnection
	sid            string
	participantSID string

	packets, bytes, lost atomic.Uint64
	started              bool
	nextSequence         uint16 // sequence number expected next
}

// TrackStats is what a remote track has counted.
type TrackStats struct {
	Packets, Bytes uint64
	// Lost counts gaps in the sequence numbers, less the packets that came late.
	Lost uint64
}

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

// readReports feeds pion's own reports, which tell the server when they answer one of its: by that it knows the round trip.
func readReports(receiver *webrtc.RTPReceiver) {
	b := make([]byte, receiveMTU)
	for {
		if _, _, err := receiver.Read(b); err != nil {
			return
		}
	}
}

// trackSID finds the SID of a track whose stream id does not name it.
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

// SID is the server's id of the track.
func (t *RemoteTrack) SID() string { return t.sid }

// ParticipantSID is the id of the participant who publishes it.
func (t *RemoteTrack) ParticipantSID() string { return t.participantSID }

// Kind is audio or video.
func (t *RemoteTrack) Kind() webrtc.RTPCodecType { return t.track.Kind() }

// Codec is the codec in use.
func (t *RemoteTrack) Codec() webrtc.RTPCodecParameters { return t.track.Codec() }

// SSRC is the stream's SSRC.
func (t *RemoteTrack) SSRC() webrtc.SSRC { return t.track.SSRC() }

// Read reads one packet into b and counts it.
func (t *RemoteTrack) Read(b []byte) (int, error) {
	n, _, err := t.track.Read(b)
	if err != nil {
		return 0, err
	}
	t.count(b[:n])
	return n, nil
}

// ReadRTP reads one packet.
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

// Drain reads and counts until the track ends.
func (t *RemoteTrack) Drain() {
	b := make([]byte, receiveMTU)
	for {
		if _, err := t.Read(b); err != nil {
			return
		}
	}
}

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
		t.lost.Add(^uint64(0)) // late, so not lost after all
	}
}

// Stats tells what has been read so far.
func (t *RemoteTrack) Stats() TrackStats {
	return TrackStats{Packets: t.packets.Load(), Bytes: t.bytes.Load(), Lost: t.lost.Load()}
}

// RequestKeyFrame asks the publisher for a key frame.
func (t *RemoteTrack) RequestKeyFrame() error {
	pli := &rtcp.PictureLossIndication{MediaSSRC: uint32(t.track.SSRC())}
	if err := t.pc.WriteRTCP([]rtcp.Packet{pli}); err != nil {
		return fmt.Errorf("request key frame: %w", err)
	}
	return nil
}

// SetSubscribed asks for tracks or gives them up.
func (c *Client) SetSubscribed(subscribed bool, trackSIDs ...string) error {
	c.update(func() {
		for _, sid := range trackSIDs {
			c.session.subscribed[sid] = subscribed
		}
	})
	req := &livekit.UpdateSubscription{TrackSids: trackSIDs, Subscribe: subscribed}
	return c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: req}})
}

// UpdateTrackSettings says what this side wants of tracks it subscribes to: which quality, or nothing for now.
func (c *Client) UpdateTrackSettings(settings *livekit.UpdateTrackSettings) error {
	return c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: settings}})
}

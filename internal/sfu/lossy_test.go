package sfu

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// arrival holds the numbers of a packet that the subscriber received.
type arrival struct {
	seq     uint16
	ts      uint32
	picture uint16
}

// receivedPackets stores the packets that a subscriber received, by the number that the publisher wrote into the
// payload.
type receivedPackets struct {
	mu       sync.Mutex
	got      map[uint32]arrival
	repaired int
	broken   []string // descriptions of errors
}

// take stores a packet. repaired is set if the packet came on the retransmission stream.
func (in *receivedPackets) take(p *rtp.Packet, repaired bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(p.Payload) < 12 {
		in.broken = append(in.broken, fmt.Sprintf("a payload of %d bytes", len(p.Payload)))
		return
	}
	if repaired {
		in.repaired++
	}
	number := binary.BigEndian.Uint32(p.Payload[8:])
	a := arrival{p.SequenceNumber, p.Timestamp, binary.BigEndian.Uint16(p.Payload[2:]) & 0x7fff}
	if before, ok := in.got[number]; ok && before != a {
		in.broken = append(in.broken, fmt.Sprintf("packet %d arrived as %+v and as %+v", number, before, a))
	}
	in.got[number] = a
}

// missing returns the numbers of the packets that have not arrived. It checks the numbers from first to end - 1.
func (in *receivedPackets) missing(first, end uint32) []uint32 {
	in.mu.Lock()
	defer in.mu.Unlock()
	var m []uint32
	for n := first; n < end; n++ {
		if _, ok := in.got[n]; !ok {
			m = append(m, n)
		}
	}
	return m
}

// empty reports whether no packet has arrived.
func (in *receivedPackets) empty() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.got) == 0
}

// The network loses packets in both directions, between publisher and server and between server and subscriber.
func TestLossIsRepairedOnPublisherAndSubscriberLinks(t *testing.T) {
	const packets = 600
	for _, tt := range []struct {
		percent, allowed int // loss in each direction in percent; number of packets that may be missing in the end
	}{
		{2, 0},
		{10, 3}, // on a busy machine a retransmission may be requested after the packet is no longer stored
	} {
		t.Run(fmt.Sprintf("%d%%", tt.percent), func(t *testing.T) {
			c := newCall(t)
			in := &receivedPackets{got: map[uint32]arrival{}}
			publish(t, c)
			c.subscribe(in.take)
			sender := c.publisher.GetSenders()[0]
			local, control := sender.Track().(*webrtc.TrackLocalStaticRTP), c.watch(sender.ReadRTCP)

			c.lose(tt.percent)
			begin, count := uint32(0), uint32(0)
			tick := time.NewTicker(4 * time.Millisecond)
			defer tick.Stop()
			deadline := time.After(20 * time.Second)
			for {
				// Send only one key frame: after a later one, earlier packets need no retransmission.
				send(t, local, count, control.keyFrameRequested() && begin == 0)
				count++
				if begin == 0 && !in.empty() {
					begin = count
				}
				// Packets after the measured ones reveal the loss of the last ones.
				if begin != 0 && count > begin+packets+100 && len(in.missing(begin, begin+packets)) <= tt.allowed {
					break
				}
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatalf("of the packets from %d, %d in number, %v are missing", begin, packets, in.missing(begin, begin+packets))
				}
			}
			c.lose(0)
			checkOrder(t, in, begin)
			checkFeedback(t, c, in, control)
		})
	}
}

// publish adds the publisher's track and connects the publisher to the server.
func publish(t *testing.T, c *testCall) {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "camera")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.publisher.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	c.connect(c.publisher, c.up)
}

// send sends the packet with the given number, as a key frame if key is set.
func send(t *testing.T, track *webrtc.TrackLocalStaticRTP, number uint32, key bool) {
	t.Helper()
	err := track.WriteRTP(&rtp.Packet{
		Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(65500 + number), Timestamp: number * 360},
		Payload: vp8Payload(0, number, key || number == 0),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkOrder checks that sequence numbers, timestamps and picture IDs have the publisher's order and distances.
func checkOrder(t *testing.T, in *receivedPackets, begin uint32) {
	t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, b := range in.broken {
		t.Error(b)
	}
	var first arrival
	var at uint32
	for n := begin; n < begin+100; n++ { // find the first measured packet that arrived
		if a, ok := in.got[n]; ok {
			first, at = a, n
			break
		}
	}
	for n, a := range in.got {
		apart := n - at // wraps for packets before it
		want := arrival{first.seq + uint16(apart), first.ts + 360*apart, (first.picture + uint16(apart)) & 0x7fff}
		if a != want {
			t.Errorf("packet %d arrived as %+v, want %+v", n, a, want)
		}
	}
}

// checkFeedback checks that packets were lost and retransmitted on both legs, and that publisher and subscriber
// received reports.
func checkFeedback(t *testing.T, c *testCall, in *receivedPackets, control *receivedRTCP) {
	t.Helper()
	fromServer := c.watch(c.subscriber.GetReceivers()[0].ReadRTCP)
	eventually(t, func() string {
		fromServer.mu.Lock()
		defer fromServer.mu.Unlock()
		if fromServer.senders == 0 {
			return "the subscriber got no sender report"
		}
		return ""
	})
	eventually(t, func() string {
		c.track.mu.Lock()
		defer c.track.mu.Unlock()
		if rtt := c.track.reports.roundTrip; rtt < 2*linkDelay || rtt > time.Second {
			return fmt.Sprintf("the round-trip time by the subscriber's reports is %v", rtt)
		}
		return ""
	})
	eventually(t, func() string {
		control.mu.Lock()
		defer control.mu.Unlock()
		answered := func(r rtcp.ReceptionReport) bool { return r.LastSenderReport != 0 }
		if !slices.ContainsFunc(control.reports, answered) {
			return fmt.Sprintf("no receiver report answers a sender report: %+v", control.reports)
		}
		return ""
	})
	c.mu.Lock()
	lost, repairs := c.lost, c.retransmitted
	c.mu.Unlock()
	in.mu.Lock()
	repaired := in.repaired
	in.mu.Unlock()
	control.mu.Lock()
	defer control.mu.Unlock()
	t.Logf("%d datagrams lost; repaired %d up, %d down; %d feedbacks on %d packets, %d NACKs, %d reports",
		lost, repairs, repaired, control.feedback, control.acknowledged, control.nacks, len(control.reports))
	if lost == 0 || repairs == 0 || repaired == 0 || control.nacks == 0 {
		t.Error("no packet was lost, or none was retransmitted on one of the legs")
	}
	if control.feedback < 20 || control.acknowledged < 400 {
		t.Errorf("transport-wide feedback on %d packets in %d", control.acknowledged, control.feedback)
	}
}

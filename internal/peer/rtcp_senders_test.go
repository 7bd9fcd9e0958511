package peer

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

func TestNumberOfRTCPSenderSSRCsIsBounded(t *testing.T) {
	s := newRTCPSenders()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	packet := func(first, second byte, sender uint32) []byte {
		b := make([]byte, 32)
		b[0], b[1] = first, second
		binary.BigEndian.PutUint32(b[4:], sender)
		return b
	}
	admitted := 0
	for sender := range uint32(50_000) {
		if s.admit(packet(0x80, 201, sender), clock) {
			admitted++
		}
	}
	if admitted != senderBurst {
		t.Errorf("%d senders were admitted immediately", admitted)
	}
	if !s.admit(packet(0x81, 205, 7), clock) {
		t.Error("RTCP of a known sender is dropped")
	}
	for name, p := range map[string][]byte{
		"RTP": packet(0x80, 96, 60_000), "RTP with a marker": packet(0x80, 96|0x80, 60_001), "DTLS": packet(22, 254, 60_002), "a short packet": {0x80, 201, 0},
	} {
		if !s.admit(p, clock) {
			t.Errorf("%s is dropped", name)
		}
	}
	if now = now.Add(time.Second); !s.admit(packet(0x80, 200, 70_000), clock) {
		t.Error("a new sender after one second is dropped")
	}
	for sender := uint32(100_000); now.Year() == 2026; sender++ {
		now = now.Add(time.Minute)
		s.admit(packet(0x80, 200, sender), clock)
	}
	if len(s.known) != maxSenders {
		t.Errorf("%d senders were admitted in total", len(s.known))
	}
}

// A connected client sends RTCP packets, each with a new SSRC. Packets that exceed the limits must be dropped.
func TestRTCPFloodWithNewSSRCsIsDropped(t *testing.T) {
	mallory := newPair(t, Options{Publishes: true, Subscribes: true, Loopback: true})
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "cam", "stream")
	if err == nil {
		_, err = mallory.pc.AddTrack(track)
	}
	if err != nil {
		t.Fatal(err)
	}
	mallory.offer()
	eventually(t, "mallory is connected", func() bool { return mallory.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	start, sent := time.Now(), uint32(0)
	known := func() int {
		senders := mallory.Transport.pc.senders
		senders.mu.Lock()
		defer senders.mu.Unlock()
		return len(senders.known)
	}
	flood := func() {
		for range 100 {
			sent++
			_ = mallory.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1_000_000 + sent}})
		}
	}
	eventually(t, "the bound is reached", func() bool { flood(); return known() >= senderBurst })
	for range 5 {
		flood()
	}
	if n, most := known(), senderBurst+int(senderRate*time.Since(start).Seconds())+1; n > most {
		t.Errorf("%d of %d senders were admitted, want at most %d", n, sent, most)
	}
}

// packetList is a packetConn whose reads return the given packets and then io.EOF.
type packetList struct {
	packetConn
	packets [][]byte
}

// ReadFromAddrPort returns the next packet.
func (s *packetList) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	if len(s.packets) == 0 {
		return 0, netip.AddrPort{}, io.EOF
	}
	n := copy(b, s.packets[0])
	s.packets = s.packets[1:]
	return n, netip.AddrPort{}, nil
}

// ReadFrom returns the next packet.
func (s *packetList) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, err := s.ReadFromAddrPort(b)
	return n, nil, err
}

func TestReadSkipsRTCPOfSenderSSRCsBeyondTheLimit(t *testing.T) {
	for name, read := range map[string]func(limitedConn, []byte) (int, error){
		"ReadFrom":         func(c limitedConn, b []byte) (int, error) { n, _, err := c.ReadFrom(b); return n, err },
		"ReadFromAddrPort": func(c limitedConn, b []byte) (int, error) { n, _, err := c.ReadFromAddrPort(b); return n, err },
	} {
		var packets [][]byte
		for sender := range uint32(2 * senderBurst) {
			packets = append(packets, binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, sender))
		}
		packets = append(packets, []byte("\x80\x60 a packet of media"))
		c := limitedConn{&packetList{packets: packets}, newRTCPSenders()}
		passed, last := 0, ""
		for {
			b := make([]byte, 100)
			n, err := read(c, b)
			if err != nil {
				break
			}
			passed, last = passed+1, string(b[2:n])
		}
		if passed < senderBurst+1 || passed > senderBurst+10 || last != " a packet of media" {
			t.Errorf("%s: %d packets passed, the last %q", name, passed, last)
		}
	}
}

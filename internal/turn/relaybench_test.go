package turn

import (
	"net"
	"net/netip"
	"testing"

	"github.com/pion/turn/v5"
)

// BenchmarkRelay passes packets of 1,100 bytes through a relay of a participant in both directions, without the network.
func BenchmarkRelay(b *testing.B) {
	media := &fakeMedia{address: netip.MustParseAddrPort("198.51.100.1:7880")}
	s := &Server{relays: newRelays(Options{Media: media, Present: func(string) bool { return true }}, 1)}
	media.server.Store(s)
	r, _, err := s.relays.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: participantPrefix + "ada"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	u := r.(*relay).user
	u.sent.SetLimit(1e12)
	u.received.SetLimit(1e12)
	packet, to := make([]byte, 1100), net.UDPAddrFromAddrPort(media.address)
	received := make([]byte, 1600)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.WriteTo(packet, to); err != nil { // the fake media socket returns the packet to the relay
			b.Fatal(err)
		}
		if n, _, err := r.ReadFrom(received); err != nil || n != len(packet) {
			b.Fatal(n, err)
		}
	}
}

//go:build !linux

package wire

import (
	"net"
	"net/netip"
	"sync/atomic"
)

// sender writes the batch packet by packet where the kernel has no sendmmsg.
type sender struct {
	udp     *net.UDPConn
	six     bool
	offload atomic.Bool // stays false
}

func (s *sender) init(conn *net.UDPConn, _ bool) error {
	s.udp = conn
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	s.six = ok && local.IP.To4() == nil
	return nil
}

func (s *sender) send(b *batch) (calls, dropped int) {
	for i := range b.runs {
		r := &b.runs[i]
		to := r.to
		if s.six {
			to = netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()).WithZone(to.Addr().Zone()), to.Port())
		}
		for at := r.first; at >= 0; at = b.packets[at].next {
			p := &b.packets[at]
			calls++
			if _, err := s.udp.WriteToUDPAddrPort(b.bytes[p.start:p.end], to); err != nil {
				dropped++
			}
		}
	}
	return calls, dropped
}

// reader reads packet by packet.
type reader struct{ udp *net.UDPConn }

func (r *reader) init(conn *net.UDPConn, _ bool) error {
	r.udp = conn
	return nil
}

func (r *reader) read(b []byte, packets, calls *atomic.Uint64) (int, netip.AddrPort, error) {
	n, from, err := r.udp.ReadFromUDPAddrPort(b)
	calls.Add(1)
	if err != nil {
		return n, from, err
	}
	packets.Add(1)
	return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
}

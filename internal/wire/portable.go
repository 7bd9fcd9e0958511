//go:build !linux

package wire

import (
	"net"
	"net/netip"
	"sync/atomic"
)

// sender sends batches packet by packet, on systems without sendmmsg.
type sender struct {
	udp     *net.UDPConn
	six     bool        // an IPv6 socket, which needs IPv4-mapped addresses for IPv4
	offload atomic.Bool // always false
}

// init prepares the sender for conn.
func (s *sender) init(conn *net.UDPConn, _ bool) error {
	s.udp = conn
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	s.six = ok && local.IP.To4() == nil
	return nil
}

// send sends the batch. It returns the number of system calls and the number of packets that the kernel refused.
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

// reader reads packets one by one, on systems without recvmmsg.
type reader struct{ udp *net.UDPConn }

// init prepares the reader for conn.
func (r *reader) init(conn *net.UDPConn, _ bool) error {
	r.udp = conn
	return nil
}

// read reads one packet. It counts the packet in packets and the system call in calls.
func (r *reader) read(b []byte, packets, calls *atomic.Uint64) (int, netip.AddrPort, error) {
	n, from, err := r.udp.ReadFromUDPAddrPort(b)
	calls.Add(1)
	if err != nil {
		return n, from, err
	}
	packets.Add(1)
	return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
}

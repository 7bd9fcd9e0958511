package impair

import (
	"net"
	"net/netip"
)

// Rebind gives every client a new source address towards the target, as when a NAT drops its bindings or the client changes
// networks. Packets that the target sends to the old addresses are lost.
func (p *Proxy) Rebind() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		_ = c.Close() // ends its readTarget
	}
	p.clients = map[netip.AddrPort]*net.UDPConn{}
}

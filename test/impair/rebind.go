package impair

import (
	"net"
	"net/netip"
)

// Rebind gives every client a new address towards the target, as a router does that has forgotten them, or another
// network. Answers to the old ones are lost.
func (p *Proxy) Rebind() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		_ = c.Close() // its reader ends
	}
	p.clients = map[netip.AddrPort]*net.UDPConn{}
}

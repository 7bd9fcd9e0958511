package peer

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/pion/transport/v4"
)

// offeredAddresses chooses the addresses of the server's ICE candidates for one client. Pion reads them from the UDP mux,
// and again for TCP as those of a network interface. Therefore offeredAddresses implements transport.Net with one interface.
type offeredAddresses struct {
	transport.Net
	engine *Engine
	client Options
	chosen atomic.Pointer[[]netip.Addr] // latest result of choose, best address first
}

// choose determines the current addresses and returns them with the port of the UDP socket. Pion calls it first whenever it
// gathers candidates.
func (o *offeredAddresses) choose() (all []net.Addr) {
	chosen := o.engine.addresses(o.client)
	o.chosen.Store(&chosen)
	for _, a := range chosen {
		all = append(all, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, o.engine.bound.Port())))
	}
	return all
}

// list returns the addresses that choose has determined last.
func (o *offeredAddresses) list() []netip.Addr {
	if chosen := o.chosen.Load(); chosen != nil {
		return *chosen
	}
	return nil
}

// Interfaces implements transport.Net. It returns one interface with the chosen addresses.
func (o *offeredAddresses) Interfaces() ([]*transport.Interface, error) {
	i := transport.NewInterface(net.Interface{Name: "offered", Flags: net.FlagUp})
	for _, a := range o.list() {
		i.AddAddress(&net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())})
	}
	return []*transport.Interface{i}, nil
}

// addresses returns the addresses to offer to a client, best first: loopback, this machine's own addresses, the address that
// the client used for signalling, and the public addresses. A client on the same network thus prefers a direct path to one
// through a router, whether or not the router supports hairpinning (RFC 4787, section 6).
func (e *Engine) addresses(o Options) []netip.Addr {
	bound := e.bound.Addr().Unmap()
	var all []netip.Addr
	if !bound.IsUnspecified() {
		all = append(all, bound)
	} else {
		if o.Loopback {
			all = append(all, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		}
		own, _ := e.usable() // on an error only other addresses are offered
		all = append(all, own...)
	}
	if a := o.ServerIP.Unmap(); a.IsGlobalUnicast() && a.Zone() == "" {
		all = append(all, a)
	}
	if e.options.Public != nil {
		all = append(all, e.options.Public()...)
	}
	var offered []netip.Addr
	for _, a := range all {
		if canReceive(bound, a) && !slices.Contains(offered, a) {
			offered = append(offered, a)
		}
	}
	return offered
}

// canReceive reports whether a socket that is bound to an address receives packets of the IP version of a. A socket bound to
// the unspecified IPv6 address receives both versions.
func canReceive(bound, a netip.Addr) bool {
	return a.Is4() == bound.Is4() || bound == netip.IPv6Unspecified()
}

// prioritize sets the priorities of the server's candidates in a description according to the order of the addresses. Pion
// gives all candidates of one protocol the same priority, although they must differ (RFC 8445, section 5.1.2.1).
func (o *offeredAddresses) prioritize(description string) string {
	chosen := o.list()
	var text strings.Builder
	for line := range strings.Lines(description) {
		// The fields are foundation, component, transport, priority, address (RFC 8839, section 5.1).
		fields := strings.Split(line, " ")
		if strings.HasPrefix(line, "a=candidate:") && len(fields) > 4 {
			address, err := netip.ParseAddr(fields[4])
			priority, numberErr := strconv.ParseUint(fields[3], 10, 32)
			if position := slices.Index(chosen, address); err == nil && numberErr == nil && position > 0 {
				// The local preference is in bits 8 to 23. Pion sets it to the highest value for the transport.
				fields[3] = strconv.FormatUint(priority-uint64(position)<<8, 10)
				line = strings.Join(fields, " ")
			}
		}
		text.WriteString(line)
	}
	return text.String()
}

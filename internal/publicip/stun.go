package publicip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// queryTimeout limits a query to a STUN server or a resolver. STUN requests are retransmitted for that long.
const queryTimeout = 5 * time.Second

// stunRTO is the initial retransmission timeout of STUN (RFC 8489, section 6.2.1).
const stunRTO = 500 * time.Millisecond

// ErrNoAddress is returned if the server has answered with an address that cannot be public, such as a loopback address.
var ErrNoAddress = errors.New("the answer contains no usable address")

var (
	errNoAnswer      = errors.New("no answer arrived; a firewall may drop UDP")
	errWrongResponse = errors.New("the server answered with an error")
)

// QuerySTUN returns the address from which a STUN server receives packets of this machine (RFC 8489). server is host:port,
// and network is "udp4" or "udp6". The query takes at most 5 s.
func QuerySTUN(ctx context.Context, network, server string) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, server)
	if err != nil {
		return netip.Addr{}, err
	}
	client, err := stun.NewClient(conn, stun.WithRTO(stunRTO))
	if err != nil {
		return netip.Addr{}, errors.Join(err, conn.Close())
	}
	type answer struct {
		address netip.Addr
		err     error
	}
	answers := make(chan answer, 1)
	err = client.Start(stun.MustBuild(stun.TransactionID, stun.BindingRequest), func(e stun.Event) {
		a := answer{err: e.Error}
		if e.Error == nil {
			a.address, a.err = mappedAddress(e.Message)
		}
		select {
		case answers <- a:
		default: // the client is closed after the first event
		}
	})
	if err != nil {
		return netip.Addr{}, errors.Join(err, client.Close())
	}
	defer func() { _ = client.Close() }() // nothing is queued
	select {
	case a := <-answers:
		if errors.Is(a.err, stun.ErrTransactionTimeOut) {
			return netip.Addr{}, errNoAnswer
		}
		return a.address, a.err
	case <-ctx.Done():
		return netip.Addr{}, errNoAnswer
	}
}

// mappedAddress returns the address in a response to a Binding request.
func mappedAddress(m *stun.Message) (netip.Addr, error) {
	if m.Type != stun.BindingSuccess {
		return netip.Addr{}, errWrongResponse
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil {
		return netip.Addr{}, fmt.Errorf("read the mapped address: %w", err)
	}
	a, _ := netip.AddrFromSlice(mapped.IP) // zero if there is none
	if a = a.Unmap(); !a.IsGlobalUnicast() {
		return netip.Addr{}, ErrNoAddress
	}
	return a, nil
}

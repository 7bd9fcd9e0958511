package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"

	"meet/internal/client"
)

// turnServer is a TURN server that the checked server has named, with credentials for it.
type turnServer struct {
	uri                  *stun.URI
	username, credential string
}

// transport returns the transport of the server as client.Options.Relay names it.
func (s turnServer) transport() string {
	if s.uri.Scheme == stun.SchemeTypeTURNS {
		return client.RelayTLS
	}
	return s.uri.Proto.String()
}

// address returns host:port.
func (s turnServer) address() string { return net.JoinHostPort(s.uri.Host, strconv.Itoa(s.uri.Port)) }

// allocate allocates a relay at a TURN server and releases it.
func (c *checker) allocate(ctx context.Context, s turnServer) error {
	ctx, cancel := context.WithTimeout(ctx, hopTimeout)
	defer cancel()
	conn, address, err := c.openTURN(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is queued
	t, err := turn.NewClient(&turn.ClientConfig{
		Conn: conn, TURNServerAddr: address, Username: s.username, Password: s.credential,
		LoggerFactory: &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled},
	})
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Listen(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		t.Close() // ends Allocate
	})()
	relay, err := t.Allocate()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("it refuses a relay: %w", err)
	}
	return relay.Close()
}

// openTURN opens a connection to a TURN server and returns the server's address.
func (c *checker) openTURN(ctx context.Context, s turnServer) (conn net.PacketConn, address string, err error) {
	dialer := net.Dialer{Resolver: c.o.Resolver}
	if s.transport() == client.RelayUDP {
		// Connecting a UDP socket chooses an address of the server to which there is a route.
		route, err := dialer.DialContext(ctx, "udp", s.address())
		if err != nil {
			return nil, "", err
		}
		address, local := route.RemoteAddr().String(), route.LocalAddr().(*net.UDPAddr)
		if err := route.Close(); err != nil {
			return nil, "", err
		}
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: local.IP, Zone: local.Zone})
		return conn, address, err
	}
	stream, err := dialer.DialContext(ctx, "tcp", s.address())
	if err != nil {
		return nil, "", err
	}
	if s.transport() == client.RelayTLS {
		config := c.tlsConfig()
		config.ServerName = s.uri.Host
		secure := tls.Client(stream, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, "", errors.Join(err, stream.Close())
		}
		stream = secure
	}
	return turn.NewSTUNConn(stream), stream.RemoteAddr().String(), nil
}

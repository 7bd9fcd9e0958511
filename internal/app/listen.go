package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listen opens the TCP and the UDP socket of an address. Port 0 selects a free port, the same for both.
func listen(address string) (net.Listener, *net.UDPConn, error) {
	const attempts = 20 // another program may use the UDP port with the number of the free TCP port
	for attempt := 1; ; attempt++ {
		tcp, err := net.Listen("tcp", address)
		if err != nil {
			return nil, nil, listenError(address, err)
		}
		udp, err := listenUDP(address, tcp.Addr().(*net.TCPAddr).Port)
		if err == nil {
			return tcp, udp, nil
		}
		err = errors.Join(listenError(address, err), tcp.Close())
		if _, port, _ := net.SplitHostPort(address); port != "0" || attempt == attempts {
			return nil, nil, err
		}
	}
}

// listenUDP opens a UDP socket on the host of an address and the given port.
func listenUDP(address string, port int) (*net.UDPConn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	local, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return net.ListenUDP("udp", local)
}

// listenError explains in one sentence why the address cannot be used and what to do.
func listenError(address string, err error) error {
	op, _ := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s %s is in use by another program, perhaps another Meet: stop that program, or choose another port with --listen", network(op), address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this user may not listen on %s %s: allow it with \"setcap cap_net_bind_service=+ep\" on the program, or choose a port of at least 1024 with --listen", network(op), address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this machine has no address %s: choose another with --listen", address)
	default:
		return fmt.Errorf("listen on %s: %w", address, err)
	}
}

// network returns the protocol of a failed operation, "UDP" or "TCP".
func network(op *net.OpError) string {
	if op != nil && op.Net == "udp" {
		return "UDP"
	}
	return "TCP"
}

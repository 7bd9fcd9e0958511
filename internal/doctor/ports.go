package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// selfTimeout limits how long this machine may take to answer its own request or packet.
const selfTimeout = 2 * time.Second

// Serving reports whether a running Meet, or another server with LiveKit's protocol, answers at the listen address.
func Serving(ctx context.Context, listen string) bool {
	ctx, cancel := context.WithTimeout(ctx, selfTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+localAddress(listen)+"/rtc/validate", nil)
	if err != nil {
		return false
	}
	resp, err := localClient(listen).Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	// A request without a token is refused. Both Meet and LiveKit mention tokens or permissions in the response.
	text := strings.ToLower(string(body))
	return err == nil && resp.StatusCode == http.StatusUnauthorized && (strings.Contains(text, "token") || strings.Contains(text, "permission"))
}

// localClient returns an HTTP client whose connections all lead to the server that listens on listen, on this machine. A
// server with certificates may redirect it to https, at a name for which the certificate is not checked here, because nothing
// secret is sent.
func localClient(listen string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, localAddress(listen))
		},
	}}
}

// localAddress returns the address by which this machine reaches a server that listens on listen.
func localAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	switch ip := net.ParseIP(host); {
	case host == "", ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// checkTCPPort checks whether the server can listen on the TCP port. running means that a server is already running.
func checkTCPPort(listen string, running bool) Finding {
	const check = "TCP port"
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return portError(check, "TCP", listen, err, running)
	}
	_ = l.Close() // nothing was accepted
	return finding(check, "%s is free", listen)
}

// checkUDPPort checks whether the server can listen on the UDP port, and whether a packet from this machine arrives
// there. A firewall may drop packets even if the port can be opened. running means that a server is already running.
func checkUDPPort(listen string, running bool) Finding {
	const check = "UDP port"
	conn, err := net.ListenPacket("udp", listen)
	if err != nil {
		return portError(check, "UDP", listen, err, running)
	}
	defer func() { _ = conn.Close() }() // nothing was sent
	host, _, err := net.SplitHostPort(localAddress(listen))
	if err != nil {
		return finding(check, "%s is not an address", listen).withAdvice(Fail, "give host:port with --listen")
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port // the port chosen by the kernel if listen has port 0
	if err := sendToSelf(conn, net.JoinHostPort(host, strconv.Itoa(port))); err != nil {
		return finding(check, "%s is free, but a packet from this machine to itself does not arrive: %v", listen, err).
			withAdvice(Fail, "check the firewall's rules for UDP; without UDP, media uses the TCP port, which is slower")
	}
	return finding(check, "%s is free, and packets from this machine reach it; packets from other machines were not tested", listen)
}

// sendToSelf sends a packet to the address of a socket of this process and waits until the packet arrives at the socket.
func sendToSelf(socket net.PacketConn, address string) error {
	from, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // nothing is queued
	const word = "meet doctor"
	if _, err := from.Write([]byte(word)); err != nil {
		return err
	}
	if err := socket.SetReadDeadline(time.Now().Add(selfTimeout)); err != nil {
		return err
	}
	buf := make([]byte, len(word))
	for {
		n, _, err := socket.ReadFrom(buf)
		if err != nil {
			return err
		}
		if string(buf[:n]) == word { // another program's packet may arrive first
			return nil
		}
	}
}

// portError returns the finding for a port on which the server cannot listen.
func portError(check, network, listen string, err error, running bool) Finding {
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && running:
		return finding(check, "%s is in use by a server with LiveKit's protocol, most likely a running Meet", listen)
	case errors.Is(err, syscall.EADDRINUSE):
		return finding(check, "%s %s is in use by another program", network, listen).withAdvice(Fail, "stop that program, or choose another port with --listen")
	case errors.Is(err, syscall.EACCES):
		return finding(check, "this user may not listen on %s %s", network, listen).
			withAdvice(Fail, "choose a port of at least 1024 with --listen, or give the program cap_net_bind_service")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return finding(check, "this machine has no address %s", listen).withAdvice(Fail, "choose another address with --listen")
	}
	return finding(check, "%s cannot be listened on: %v", listen, err).withAdvice(Fail, "choose another address with --listen")
}

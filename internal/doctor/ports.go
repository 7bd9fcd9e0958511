package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long this machine may take to answer itself.
const selfTimeout = 2 * time.Second

// Serving tells whether a Meet, or another server of LiveKit's protocol, answers at the address that one would listen on.
func Serving(ctx context.Context, listen string) bool {
	ctx, cancel := context.WithTimeout(ctx, selfTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+localAddress(listen)+"/rtc/validate", nil)
	if err != nil {
		return false
	}
	direct := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: this is about this machine
	resp, err := direct.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	// Without a token this is refused, and the sentence speaks of tokens or permissions, here as in LiveKit's server.
	said := strings.ToLower(string(body))
	return err == nil && resp.StatusCode == http.StatusUnauthorized && (strings.Contains(said, "token") || strings.Contains(said, "permission"))
}

// local is how this machine itself reaches what listens on an address.
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

func checkTCPPort(listen string, running bool) Finding {
	const check = "TCP port"
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return portError(check, "TCP", listen, err, running)
	}
	_ = l.Close() // nothing was accepted
	return finding(check, "%s is free", listen)
}

// udpPort also sends a packet there, since a filter on this machine may let a port be opened and nothing reach it.
func checkUDPPort(listen string, running bool) Finding {
	const check = "UDP port"
	conn, err := net.ListenPacket("udp", listen)
	if err != nil {
		return portError(check, "UDP", listen, err, running)
	}
	defer func() { _ = conn.Close() }() // what it was for has been seen
	host, _, err := net.SplitHostPort(localAddress(listen))
	if err != nil {
		return finding(check, "%s is no address", listen).withAdvice(Fail, "give host:port with --listen")
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port // the one chosen, for port 0
	if err := sendToSelf(conn, net.JoinHostPort(host, strconv.Itoa(port))); err != nil {
		return finding(check, "%s is free, but a packet that this machine sends itself does not arrive: %v", listen, err).
			withAdvice(Fail, "look at the firewall's rules for UDP; without it, media takes the TCP port, which is slower")
	}
	return finding(check, "%s is free, and packets reach it on this machine; whether they do from elsewhere, only elsewhere can tell", listen)
}

// echo sends a packet to a socket of ours and waits for it.
func sendToSelf(to net.PacketConn, address string) error {
	from, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // nothing is queued
	const word = "meet doctor"
	if _, err := from.Write([]byte(word)); err != nil {
		return err
	}
	if err := to.SetReadDeadline(time.Now().Add(selfTimeout)); err != nil {
		return err
	}
	buf := make([]byte, len(word))
	for {
		n, _, err := to.ReadFrom(buf)
		if err != nil {
			return err
		}
		if string(buf[:n]) == word { // a stranger's packet may come first
			return nil
		}
	}
}

func portError(check, network, listen string, err error, running bool) Finding {
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && running:
		return finding(check, "%s is in use by a server of LiveKit's protocol, most likely a running Meet", listen)
	case errors.Is(err, syscall.EADDRINUSE):
		return finding(check, "%s %s is taken by another program", network, listen).withAdvice(Fail, "stop that program, or choose another port with --listen")
	case errors.Is(err, syscall.EACCES):
		return finding(check, "this user may not listen on %s %s", network, listen).
			withAdvice(Fail, "choose a port from 1024 up with --listen, or give the program cap_net_bind_service")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return finding(check, "this machine has no address %s", listen).withAdvice(Fail, "choose another with --listen")
	}
	return finding(check, "%s cannot be listened on: %v", listen, err).withAdvice(Fail, "choose another address with --listen")
}

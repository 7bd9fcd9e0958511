package wire

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/pires/go-proxyproto"
)

// httpProtocols are the ALPN protocol IDs of HTTP (RFC 9113, section 3.1, and RFC 7301, section 6).
var httpProtocols = []string{"h2", "http/1.1"}

// sniffedConn is a TCP connection whose protocol has been detected.
//
//	conn ─▶ transport ─▶ [decrypted] ─▶ reader
//
// The buffer of reader holds bytes that the protocol's user has not read yet. With TLS they are decrypted.
type sniffedConn struct {
	conn      net.Conn    // the TCP connection
	transport *prefixConn // conn with write timeouts
	decrypted *tls.Conn   // nil without TLS
	reader    *bufio.Reader
	protocol  protocol
}

// detect reads the first bytes of conn: the header of the PROXY protocol if a proxy sends one, then the TLS handshake if
// there is one, then as many bytes as are necessary to detect the protocol.
func (s *ProtocolMux) detect(conn net.Conn) *sniffedConn {
	reader := bufio.NewReaderSize(conn, frameBuffer)
	c := &sniffedConn{reader: reader, protocol: protocolUnknown}
	client, ok := s.readProxyHeader(conn, reader)
	c.transport = &prefixConn{Conn: client, writeTimeout: s.options.WriteTimeout}
	if c.conn = client; !ok {
		return c
	}
	if c.protocol = classifyNext(reader); c.protocol != protocolTLS {
		return c
	}
	if s.options.TLS == nil {
		c.protocol = protocolHTTP
		return c
	}
	c.transport.prefix = buffered(reader)
	c.decrypted = tls.Server(c.transport, s.options.TLS)
	c.reader = bufio.NewReaderSize(c.decrypted, frameBuffer)
	switch err := c.decrypted.Handshake(); { // the read deadline of conn bounds it
	case err != nil:
		c.protocol = protocolUnknown
	case slices.Contains(httpProtocols, c.decrypted.ConnectionState().NegotiatedProtocol):
		c.protocol = protocolHTTP
	default:
		if c.protocol = classifyNext(c.reader); c.protocol == protocolTLS { // TLS within TLS
			c.protocol = protocolUnknown
		}
	}
	return c
}

// classifyNext detects the protocol of the bytes that reader returns next. It does not consume them.
func classifyNext(reader *bufio.Reader) protocol {
	for n := 1; ; n++ {
		b, err := reader.Peek(n)
		if err != nil {
			return protocolUnknown
		}
		if detected := classify(b); detected != undecided {
			return detected
		}
	}
}

// buffered returns the bytes in the buffer of reader. It copies them, because the buffer is much larger.
func buffered(reader *bufio.Reader) []byte {
	b, _ := reader.Peek(reader.Buffered())
	return bytes.Clone(b)
}

// readProxyHeader consumes the header of the PROXY protocol, version 1 or 2, if conn comes from a trusted proxy that sends
// one. It returns conn with the client's address in that header. ok is false if the header is malformed.
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt)
func (s *ProtocolMux) readProxyHeader(conn net.Conn, reader *bufio.Reader) (client net.Conn, ok bool) {
	if s.options.IsProxy == nil || !s.options.IsProxy(addrOf(conn.RemoteAddr()).Addr()) {
		return conn, true
	}
	first, err := reader.Peek(1)
	if err != nil || first[0] != proxyproto.SIGV1[0] && first[0] != proxyproto.SIGV2[0] {
		return conn, err == nil
	}
	header, err := proxyproto.Read(reader)
	switch {
	case errors.Is(err, proxyproto.ErrNoProxyProtocol): // HTTP, such as a POST request
		return conn, true
	case err != nil:
		return conn, false
	}
	if remote, _, ok := header.TCPAddrs(); ok && header.Command.IsProxy() {
		return &proxiedConn{conn, remote}, true
	}
	return conn, true // the proxy's own connection, such as a health check
}

// client returns the address of the client, which may be behind a proxy.
func (c *sniffedConn) client() netip.Addr { return addrOf(c.conn.RemoteAddr()).Addr() }

// stream returns the connection for HTTP or TURN. Its first bytes are those in the buffer of reader.
func (c *sniffedConn) stream() net.Conn {
	if tcp, ok := tcpConn(c.conn); ok {
		_ = tcp.SetWriteBuffer(kernelSendBuffer) // best effort
	}
	if c.decrypted == nil {
		c.transport.prefix = buffered(c.reader)
		return c.transport
	}
	if c.reader.Buffered() == 0 {
		return c.decrypted // net/http serves HTTP/2 only on a *tls.Conn
	}
	return &decryptedConn{c.decrypted, buffered(c.reader)}
}

// iceConn returns the connection for ICE. Its first bytes have to be read from reader.
func (c *sniffedConn) iceConn() net.Conn {
	if c.decrypted == nil {
		return c.conn
	}
	return abruptConn{c.decrypted}
}

// decryptedConn is a TLS connection whose first bytes have been read already; Read returns them first. It has the method
// ConnectionState, with which net/http sets http.Request.TLS.
type decryptedConn struct {
	*tls.Conn
	prefix prefix
}

// Read reads from the prefix, then from the connection.
func (c *decryptedConn) Read(b []byte) (int, error) { return c.prefix.read(c.Conn, b) }

// abruptConn is a TLS connection that closes without the alert close_notify, which takes up to 5 s if the client does not
// read.
type abruptConn struct{ *tls.Conn }

// Close closes the TCP connection.
func (c abruptConn) Close() error { return c.NetConn().Close() }

// proxiedConn is a connection from a reverse proxy, with the address of the proxy's client.
type proxiedConn struct {
	net.Conn
	client *net.TCPAddr
}

// RemoteAddr returns the address of the proxy's client, a *net.TCPAddr.
func (c *proxiedConn) RemoteAddr() net.Addr { return c.client }

// tcpConn returns the TCP connection of c, which may come from a proxy. ok is false if c is another kind of connection.
func tcpConn(c net.Conn) (tcp *net.TCPConn, ok bool) {
	if proxied, ok := c.(*proxiedConn); ok {
		c = proxied.Conn
	}
	tcp, ok = c.(*net.TCPConn)
	return tcp, ok
}

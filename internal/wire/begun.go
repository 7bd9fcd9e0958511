package wire

import (
	"io"
	"net"
)

// begunTCP is a connection of which the first bytes have been read already. What net/http knows of TCP connections, such
// as to send files without copying them, goes on working.
type begunTCP struct {
	*net.TCPConn
	first []byte // read by one goroutine at a time, as net/http does
}

func (c *begunTCP) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.TCPConn.Read(b)
}

// WriteTo must not skip the first bytes, as that of the connection itself would.
func (c *begunTCP) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.first)
	c.first = c.first[n:]
	if err != nil {
		return int64(n), err
	}
	rest, err := c.TCPConn.WriteTo(w)
	return int64(n) + rest, err
}

// begun is the same for what is not a plain TCP connection.
type begun struct {
	net.Conn
	first []byte
}

func (c *begun) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

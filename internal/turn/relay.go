package turn

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4/packetio"
)

const (
	// relayQueue is the capacity in bytes of a relay's queue towards its client: 500 ms of a video at 4 Mbit/s. Packets that
	// do not fit are dropped.
	relayQueue = 256 << 10
	// maxPacket is the maximum size in bytes of a relayed packet; Pion passes on no larger ones.
	maxPacket = 1600
	// portSize is the size in bytes of the sender's port, which precedes each packet in a relay's queue.
	portSize = 2
	// presenceInterval is the time between two checks whether a relay's participant is still present.
	presenceInterval = time.Minute
)

// queued is memory for an entry of a relay's queue.
type queued [portSize + maxPacket]byte

// entries holds unused memory for entries.
var entries = sync.Pool{New: func() any { return new(queued) }}

// relay is the relayed transport address of one client, as the net.PacketConn that Pion uses: WriteTo sends the client's
// packets, and ReadFrom returns packets for the client.
//
// A relay of a direct call exchanges packets with the other relays of that call. A relay of a participant exchanges packets
// with the media socket. It uses only one address of this socket: the first to which the client sends. All addresses of the
// socket are equivalent, so the client needs no other, and packets for the client always come from the address that the
// client knows.
type relay struct {
	all     *relays
	user    *user
	address netip.AddrPort
	network netip.Prefix                // network of the client, see publicNetwork; guarded by relays.mu
	queue   *packetio.Buffer            // each entry is the sender's port, followed by the packet
	media   atomic.Pointer[net.UDPAddr] // address of the media socket that the client of a participant's relay uses; nil at first
	entry   queued                      // used by ReadFrom, which one goroutine calls
}

// WriteTo sends b to dst. Packets to addresses to which the relay must not send, packets that exceed the user's bandwidth
// and packets that do not fit into the queue of another relay are dropped without an error.
func (r *relay) WriteTo(b []byte, dst net.Addr) (int, error) {
	udp, ok := dst.(*net.UDPAddr)
	if !ok || !r.user.sent.AllowN(time.Now(), len(b)) {
		return len(b), nil
	}
	if r.user.participant != "" {
		r.sendToMedia(b, udp)
		return len(b), nil
	}
	// TURN permissions (RFC 8656, section 9) cannot keep calls apart: a permission names only an IP address, and relays of
	// several direct calls have the same one.
	to := udp.AddrPort()
	if other := r.all.at(netip.AddrPortFrom(to.Addr().Unmap(), to.Port())); other != nil && other.user == r.user {
		r.all.bytesSent.Add(uint64(len(b)))
		other.enqueue(b, r.address.Port())
	}
	return len(b), nil
}

// sendToMedia sends a participant's packet to the media socket.
func (r *relay) sendToMedia(b []byte, dst *net.UDPAddr) {
	media := r.media.Load()
	if media == nil {
		if dst.Port != r.all.mediaPort || !r.all.media.HasAddress(dst.AddrPort().Addr().Unmap()) {
			return
		}
		media = &net.UDPAddr{IP: append(net.IP(nil), dst.IP...), Port: dst.Port}
		if !r.media.CompareAndSwap(nil, media) {
			media = r.media.Load()
		}
	}
	if dst.Port == media.Port && dst.IP.Equal(media.IP) {
		r.all.bytesSent.Add(uint64(len(b)))
		r.all.media.Deliver(b, r.address)
	}
}

// receiveFromMedia queues a packet of the media socket for the client.
func (r *relay) receiveFromMedia(b []byte) {
	if media := r.media.Load(); media != nil && r.user.received.AllowN(time.Now(), len(b)) {
		r.all.bytesReceived.Add(uint64(len(b)))
		r.enqueue(b, uint16(media.Port))
	}
}

// enqueue queues b, which comes from the given port.
func (r *relay) enqueue(b []byte, from uint16) {
	if len(b) > maxPacket {
		return
	}
	entry := entries.Get().(*queued)
	binary.BigEndian.PutUint16(entry[:], from)
	_, _ = r.queue.Write(entry[:portSize+copy(entry[portSize:], b)]) // fails if the queue is full
	entries.Put(entry)
}

// ReadFrom waits for the next packet and returns it with the address of its sender. It fails when the relay's participant is
// no longer present, and Pion then closes the relay.
func (r *relay) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := r.queue.Read(r.entry[:])
	for isTimeout(err) {
		if !r.all.isPresent(r.user.participant) {
			return 0, nil, io.EOF
		}
		_ = r.queue.SetReadDeadline(time.Now().Add(presenceInterval)) // cannot fail
		n, err = r.queue.Read(r.entry[:])
	}
	if err != nil || n < portSize {
		return 0, nil, net.ErrClosed
	}
	size := copy(b, r.entry[portSize:n])
	if media := r.media.Load(); media != nil {
		return size, media, nil
	}
	from := netip.AddrPortFrom(r.address.Addr(), binary.BigEndian.Uint16(r.entry[:]))
	return size, net.UDPAddrFromAddrPort(from), nil
}

// isTimeout reports whether err is a timeout of packetio.Buffer.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Close removes the relay. A pending ReadFrom fails.
func (r *relay) Close() error {
	r.all.remove(r)
	return r.queue.Close()
}

// LocalAddr returns the relay's address, a *net.UDPAddr.
func (r *relay) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(r.address) }

// SetDeadline does nothing. Pion sets no deadlines.
func (r *relay) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, see SetDeadline.
func (r *relay) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, because writes never wait.
func (r *relay) SetWriteDeadline(time.Time) error { return nil }

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is struct mmsghdr of sendmmsg(2) and recvmmsg(2). n is its msg_len.
type message struct {
	header unix.Msghdr
	n      uint32
}

// segmentControl is the control message that sets the packet size for UDP_SEGMENT.
type segmentControl struct {
	unix.Cmsghdr
	size uint16
	_    [6]byte // padding of CMSG_SPACE
}

// sender sends batches. Its arrays are the arguments of the system call and are allocated only once.
type sender struct {
	raw     syscall.RawConn
	six     bool // an IPv6 socket, which needs IPv4-mapped addresses for IPv4
	offload atomic.Bool

	messages [batchPackets]message
	vectors  [batchPackets]unix.Iovec
	names    [batchPackets]unix.RawSockaddrInet6 // also large enough for RawSockaddrInet4
	controls [batchPackets]segmentControl
	packets  [batchPackets]int32 // number of datagrams in each message
	count    int                 // number of messages in use

	// call is a function value that calls sendmmsg. init allocates it once for all sends. RawConn.Write passes only the
	// socket to call. So the argument and the results of sendmmsg are fields: next is the index of the first message to
	// send, sent is the number of messages that the call has sent, and errno is the error.
	next, sent int
	errno      unix.Errno
	call       func(fd uintptr) bool
}

// init prepares the sender for conn and detects whether the kernel supports UDP_SEGMENT. noOffload disables UDP_SEGMENT.
func (s *sender) init(conn *net.UDPConn, noOffload bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	s.raw = raw
	s.call = s.sendmmsg
	var family, probe error
	err = raw.Control(func(fd uintptr) {
		var name unix.Sockaddr
		if name, family = unix.Getsockname(int(fd)); family == nil {
			_, s.six = name.(*unix.SockaddrInet6)
		}
		_, probe = unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT)
	})
	if err = errors.Join(err, family); err != nil {
		return fmt.Errorf("inspect the UDP socket: %w", err)
	}
	s.offload.Store(probe == nil && !noOffload)
	return nil
}

// send sends the batch. It returns the number of system calls and the number of packets that the kernel refused.
func (s *sender) send(b *batch) (calls, dropped int) {
	s.prepare(b, 0, s.offload.Load())
	for s.next = 0; s.next < s.count; {
		err := s.raw.Write(s.call)
		calls++
		switch {
		case err != nil: // closed, or past its deadline: all further packets are lost
			return calls, dropped + s.remaining()
		case s.errno == 0:
			s.next += s.sent
		case s.packets[s.next] > 1 && offloadRefused(s.errno):
			if s.errno == unix.EIO { // a network device without checksum offload cannot segment
				s.offload.Store(false)
			}
			more, lost := s.sendUnsegmented(b)
			calls, dropped = calls+more, dropped+lost
			return calls, dropped
		default:
			dropped += int(s.packets[s.next])
			s.next++
		}
	}
	return calls, dropped
}

// offloadRefused reports whether the error errno may be caused by segmentation and not by the destination. Network devices
// that cannot segment cause EIO. EINVAL and EMSGSIZE mean that a segment exceeds the path MTU; without segmentation, the
// kernel would fragment such a datagram.
func offloadRefused(errno unix.Errno) bool {
	return errno == unix.EIO || errno == unix.EINVAL || errno == unix.EMSGSIZE
}

// sendUnsegmented sends the rest of the batch with one message for each packet. It returns the same counts as send.
func (s *sender) sendUnsegmented(b *batch) (calls, dropped int) {
	done := 0
	for i := range s.next {
		done += int(s.packets[i])
	}
	s.prepare(b, done, false)
	for s.next = 0; s.next < s.count; {
		err := s.raw.Write(s.call)
		calls++
		switch {
		case err != nil:
			return calls, dropped + s.remaining()
		case s.errno == 0:
			s.next += s.sent
		default:
			dropped++
			s.next++
		}
	}
	return calls, dropped
}

// remaining returns the number of packets that have not been sent.
func (s *sender) remaining() int {
	n := 0
	for i := s.next; i < s.count; i++ {
		n += int(s.packets[i])
	}
	return n
}

// prepare fills the messages with the packets of b in the order of their runs. It leaves out the first n packets. If segment
// is set, each run becomes one message. Otherwise each packet becomes one message.
func (s *sender) prepare(b *batch, n int, segment bool) {
	s.count = 0
	vector := 0
	for i := range b.runs {
		r := &b.runs[i]
		if n >= int(r.count) {
			n -= int(r.count)
			continue
		}
		started := false
		for at := r.first; at >= 0; at = b.packets[at].next {
			if n > 0 {
				n--
				continue
			}
			p := &b.packets[at]
			iov := &s.vectors[vector]
			vector++
			if p.start < p.end {
				iov.Base = &b.bytes[p.start]
			} else {
				iov.Base = nil
			}
			iov.SetLen(int(p.end - p.start))
			if started && segment {
				m := s.count - 1
				s.packets[m]++
				s.messages[m].header.SetIovlen(int(s.packets[m]))
				continue
			}
			s.startMessage(r.to, iov)
			started = true
		}
		if segment && s.packets[s.count-1] > 1 {
			s.setSegmentSize(s.count-1, uint16(r.size))
		}
	}
}

// startMessage adds a message with its destination. iov is the first packet of the message.
func (s *sender) startMessage(to netip.AddrPort, iov *unix.Iovec) {
	m := s.count
	s.count++
	s.packets[m] = 1
	h := &s.messages[m].header
	h.Name = (*byte)(unsafe.Pointer(&s.names[m]))
	h.Namelen = s.name(m, to)
	h.Iov = iov
	h.SetIovlen(1)
	h.Control = nil
	h.SetControllen(0)
}

// name sets the destination of message m and returns the length of the socket address in bytes.
func (s *sender) name(m int, to netip.AddrPort) uint32 {
	if !s.six {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.names[m]))
		*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(to.Port())}
		if to.Addr().Is4() {
			in.Addr = to.Addr().As4()
		} else {
			in.Family = unix.AF_INET6 // the kernel refuses it: EAFNOSUPPORT
		}
		return unix.SizeofSockaddrInet4
	}
	s.names[m] = unix.RawSockaddrInet6{
		Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: to.Addr().As16(), Scope_id: scope(to.Addr().Zone()),
	}
	return unix.SizeofSockaddrInet6
}

// scope returns the index of the network interface whose name is zone, or 0 if there is no such interface. Link-local
// addresses contain such a name.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	itf, err := net.InterfaceByName(zone)
	if err != nil {
		return 0 // the kernel refuses link-local addresses without an index
	}
	return uint32(itf.Index)
}

// setSegmentSize makes the kernel split message m into packets of size bytes.
func (s *sender) setSegmentSize(m int, size uint16) {
	c := &s.controls[m]
	c.Level, c.Type, c.size = unix.SOL_UDP, unix.UDP_SEGMENT, size
	c.SetLen(unix.CmsgLen(2))
	h := &s.messages[m].header
	h.Control = (*byte)(unsafe.Pointer(c))
	h.SetControllen(unix.CmsgSpace(2))
}

// sendmmsg makes one system call, without blocking, for the message with the index s.next and all later messages. It returns
// false if the socket's buffer is full or a signal has interrupted the call. The caller then repeats the call when the
// socket is writable.
func (s *sender) sendmmsg(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(&s.messages[s.next])), uintptr(s.count-s.next), unix.MSG_DONTWAIT, 0, 0)
	s.sent, s.errno = int(n), errno
	return errno != unix.EAGAIN && errno != unix.EINTR
}

// networkOrder converts a port between host and network byte order.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

package wire

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// ringMessages is the number of messages that one recvmmsg call can return. With UDP_GRO, each may hold many packets.
	ringMessages = 32
	// ringBytes is the size in bytes of the buffer for one message with UDP_GRO. ringBytesPlain is the size of that buffer
	// without UDP_GRO. It exceeds any MTU in use.
	ringBytes      = 64 << 10
	ringBytesPlain = 10 << 10
)

// groControl is the control message with which UDP_GRO reports the size of the packets that the kernel has joined into one
// message.
type groControl struct {
	unix.Cmsghdr
	size int32
	_    [4]byte // padding of CMSG_SPACE
}

// reader reads packets from a ring of messages that one recvmmsg call fills.
type reader struct {
	raw syscall.RawConn

	mu       sync.Mutex // held for a whole read, also while it waits for packets
	messages [ringMessages]message
	vectors  [ringMessages]unix.Iovec
	names    [ringMessages]unix.RawSockaddrInet6
	controls [ringMessages]groControl
	buffers  [ringMessages][]byte

	count, at int               // number of messages in the ring, and index of the next message to open
	unread    []byte            // rest of the open message
	size      int               // size in bytes of the packets in the open message; the last may be shorter
	from      netip.AddrPort    // sender of the open message
	zones     map[uint32]string // names of network interfaces by index

	errno unix.Errno // result of the latest call
	call  func(fd uintptr) bool
}

// init prepares the reader for conn.
func (r *reader) init(conn *net.UDPConn, noOffload bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	size := ringBytesPlain
	err = raw.Control(func(fd uintptr) {
		if !noOffload && unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 1) == nil {
			size = ringBytes
		}
	})
	if err != nil {
		return err
	}
	r.raw, r.call = raw, r.recvmmsg
	r.zones = map[uint32]string{}
	for i := range r.messages {
		r.buffers[i] = make([]byte, size)
		r.vectors[i].Base = &r.buffers[i][0]
		r.vectors[i].SetLen(size)
		h := &r.messages[i].header
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Iov = &r.vectors[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&r.controls[i]))
	}
	return nil
}

// read reads the next packet into b. It counts the packet in packets and each system call in calls. As with recvfrom, bytes
// that do not fit into b are lost.
func (r *reader) read(b []byte, packets, calls *atomic.Uint64) (int, netip.AddrPort, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.unread) == 0 {
		if r.at == r.count {
			if err := r.fill(calls); err != nil {
				return 0, netip.AddrPort{}, err
			}
		}
		if r.openMessage(r.at); len(r.unread) == 0 {
			r.at++
			packets.Add(1)
			return 0, r.from, nil // an empty datagram counts as a packet
		}
		r.at++
	}
	size := min(r.size, len(r.unread))
	n := copy(b, r.unread[:size])
	r.unread = r.unread[size:]
	packets.Add(1)
	return n, r.from, nil
}

// fill waits for packets and fills the ring.
func (r *reader) fill(calls *atomic.Uint64) error {
	for {
		r.count, r.at = 0, 0
		for i := range r.messages {
			h := &r.messages[i].header
			h.Namelen = unix.SizeofSockaddrInet6
			h.SetControllen(unix.CmsgSpace(4))
		}
		if err := r.raw.Read(r.call); err != nil {
			return err
		}
		calls.Add(1)
		switch r.errno {
		case 0:
			return nil
		case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH:
			// An ICMP error for a sent packet does not affect the socket.
		default:
			return fmt.Errorf("receive packets: %w", r.errno)
		}
	}
}

// recvmmsg makes one system call without blocking. It returns false if no packet has arrived or a signal has interrupted the
// call. The caller then repeats the call when the socket is readable.
func (r *reader) recvmmsg(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(&r.messages[0])), ringMessages, unix.MSG_DONTWAIT, 0, 0)
	r.errno = errno
	if errno == 0 {
		r.count = int(n)
	}
	return errno != unix.EAGAIN && errno != unix.EINTR
}

// openMessage makes read return the packets of message i.
func (r *reader) openMessage(i int) {
	m := &r.messages[i]
	r.unread = r.buffers[i][:m.n]
	r.size = int(m.n)
	c := &r.controls[i]
	if int(m.header.Controllen) >= unix.CmsgLen(4) && c.Level == unix.SOL_UDP && c.Type == unix.UDP_GRO && c.size > 0 {
		r.size = int(c.size)
	}
	r.from = r.address(&r.names[i])
}

// address converts a socket address of the kernel to a netip.AddrPort.
func (r *reader) address(name *unix.RawSockaddrInet6) netip.AddrPort {
	if name.Family == unix.AF_INET {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), networkOrder(in.Port))
	}
	addr := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 && addr.Is6() {
		addr = addr.WithZone(r.zone(name.Scope_id))
	}
	return netip.AddrPortFrom(addr, networkOrder(name.Port))
}

// zone returns the name of the network interface with the given index. If there is no such interface, it returns the index
// in decimal. It looks up each name only once.
func (r *reader) zone(index uint32) string {
	name, ok := r.zones[index]
	if !ok {
		name = strconv.FormatUint(uint64(index), 10)
		if itf, err := net.InterfaceByIndex(int(index)); err == nil {
			name = itf.Name
		}
		r.zones[index] = name
	}
	return name
}

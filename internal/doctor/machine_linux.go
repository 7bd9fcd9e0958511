package doctor

import (
	"net"

	"golang.org/x/sys/unix"
)

// clockIsKept asks the kernel whether an NTP service keeps its clock (adjtimex(2)).
func clockSynchronized() (kept, known bool) {
	var t unix.Timex // no mode: nothing is set
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err == nil
}

// fileLimit is how many files the server may have open. Go raises the soft limit to the hard one by itself.
func fileLimit() (limit uint64, known bool) {
	var r unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r)
	return r.Max, err == nil
}

func freeBytes(dir string) (free uint64, known bool) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return s.Bavail * uint64(s.Bsize), err == nil
}

// bufferSizes is what a socket's data may fill. Linux counts twice what was asked, for its own use (socket(7)).
func bufferSizes(conn *net.UDPConn) (in, out int, known bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var errIn, errOut error
	err = raw.Control(func(fd uintptr) {
		in, errIn = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		out, errOut = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	return in / 2, out / 2, err == nil && errIn == nil && errOut == nil
}

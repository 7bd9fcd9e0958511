package doctor

import (
	"net"

	"golang.org/x/sys/unix"
)

// clockSynchronized asks the kernel whether an NTP service synchronizes its clock (adjtimex(2)).
func clockSynchronized() (synchronized, known bool) {
	var t unix.Timex // no mode: nothing is set
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err == nil
}

// fileLimit returns the hard limit on open files, to which Go raises the soft limit at startup.
func fileLimit() (limit uint64, known bool) {
	var r unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r)
	return r.Max, err == nil
}

// freeBytes returns the bytes that this user may still write on the disk of dir.
func freeBytes(dir string) (free uint64, known bool) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return s.Bavail * uint64(s.Bsize), err == nil
}

// bufferSizes returns the usable sizes of a socket's receive and send buffers in bytes. They are half of what Linux
// reports, because Linux doubles a requested size to account for its own overhead (socket(7)).
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

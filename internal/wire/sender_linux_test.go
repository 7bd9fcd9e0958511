package wire

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestSenderFallsBackWhenSegmentsAreRefused refuses segmented messages as devices and paths do and expects every packet
// to arrive plainly.
func TestSenderFallsBackWhenSegmentsAreRefused(t *testing.T) {
	for errno, stays := range map[unix.Errno]bool{unix.EIO: false, unix.EINVAL: true} {
		t.Run(errno.Error(), func(t *testing.T) {
			from, to := listen(t, "udp4", "127.0.0.1:0", Options{}), listen(t, "udp4", "127.0.0.1:0", Options{})
			if !from.Stats().Offload {
				t.Skip("the kernel does not segment")
			}
			from.sendMu.Lock()
			from.out.call = func(fd uintptr) bool {
				s := &from.out
				if s.messages[s.from].header.Control != nil {
					s.sent, s.errno = 0, errno
					return true
				}
				// Up to the first segmented message the kernel would have gone on.
				all := s.count
				for s.count = s.from; s.count < all && s.messages[s.count].header.Control == nil; s.count++ {
				}
				done := s.sendmmsg(fd)
				s.count = all
				return done
			}
			size := func(n int) int { return []int{100, 700, 700, 700, 50, 200}[n%6] }
			for n := range 120 {
				if _, err := from.WriteToAddrPort(payload(n, size(n)), addrPort(to)); err != nil {
					t.Fatal(err)
				}
			}
			from.sendMu.Unlock()
			expect(t, to, addrPort(from), 120, size)
			if from.Stats().Offload != stays {
				t.Errorf("offload is %v, want %v", !stays, stays)
			}
		})
	}
}

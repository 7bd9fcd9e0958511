package wire

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel refuses segmented messages for some network devices and path MTUs. Every packet must arrive nevertheless.
func TestSenderFallsBackWhenSegmentationOffloadFails(t *testing.T) {
	for errno, want := range map[unix.Errno]bool{unix.EIO: false, unix.EINVAL: true} {
		t.Run(errno.Error(), func(t *testing.T) {
			from, to := listen(t, "udp4", "127.0.0.1:0", Options{}), listen(t, "udp4", "127.0.0.1:0", Options{})
			if !from.Stats().Offload {
				t.Skip("the kernel does not support UDP_SEGMENT")
			}
			from.sendMu.Lock()
			from.out.call = func(fd uintptr) bool {
				s := &from.out
				if s.messages[s.next].header.Control != nil {
					s.sent, s.errno = 0, errno
					return true
				}
				// Send only the messages before the next segmented one, as the kernel would.
				all := s.count
				for s.count = s.next; s.count < all && s.messages[s.count].header.Control == nil; s.count++ {
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
			if from.Stats().Offload != want {
				t.Errorf("offload is %v, want %v", !want, want)
			}
		})
	}
}

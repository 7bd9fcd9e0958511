package wire

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkUDPWrite sends bursts of 1,100-byte packets to 40 loopback destinations, like a forwarded video frame, and reports
// the CPU time of the process for each packet. The variants are one system call for each packet (plain), batches without
// segmentation offload (batched), and batches with it (offload).
func BenchmarkUDPWrite(b *testing.B) {
	type writer func([]byte, netip.AddrPort) (int, error)
	for _, burst := range []int{1, 4, 16} {
		for _, mode := range []string{"plain", "batched", "offload"} {
			b.Run(fmt.Sprintf("burst=%d/%s", burst, mode), func(b *testing.B) {
				targets := sinks(b, 40)
				udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					b.Fatal(err)
				}
				defer udp.Close()
				write, flush := writer(udp.WriteToUDPAddrPort), func() {}
				if mode != "plain" {
					c, err := New(udp, Options{NoOffload: mode == "batched"})
					if err != nil {
						b.Fatal(err)
					}
					defer c.Close()
					write, flush = c.WriteToAddrPort, func() { c.flush() }
				}
				packet := make([]byte, 1100)
				b.ReportAllocs()
				start := cpu(b)
				sent := 0
				for b.Loop() {
					for range burst {
						for _, to := range targets {
							if _, err := write(packet, to); err != nil {
								b.Fatal(err)
							}
						}
					}
					flush() // so that the next burst has its own batch
					sent += burst * len(targets)
				}
				b.ReportMetric(float64(cpu(b)-start)/float64(sent), "cpu-ns/packet")
			})
		}
	}
}

// sinks returns the addresses of n sockets from which nobody reads. When their small buffers are full, the kernel drops
// further packets.
func sinks(b *testing.B, n int) []netip.AddrPort {
	b.Helper()
	var all []netip.AddrPort
	for range n {
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = udp.Close() })
		_ = udp.SetReadBuffer(1)
		all = append(all, udp.LocalAddr().(*net.UDPAddr).AddrPort())
	}
	return all
}

// cpu returns the CPU time that the process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

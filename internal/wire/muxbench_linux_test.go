package wire

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/ice/v4"
)

// BenchmarkUDPMux sends bursts of packets from 40 clients through a mux to its readers, and reports the CPU time of the
// process for each packet. The mux is Pion's or Meet's. The CPU time includes the work of the clients and of the socket.
func BenchmarkUDPMux(b *testing.B) {
	type conn interface {
		ReadFromAddrPort([]byte) (int, netip.AddrPort, error)
		WriteToAddrPort([]byte, netip.AddrPort) (int, error)
		Close() error
	}
	const clients, burst = 40, 4
	for _, mode := range []string{"pion", "meet"} {
		b.Run(mode, func(b *testing.B) {
			socket := listen(b, "udp4", "127.0.0.1:0", Options{})
			var mux ice.UDPMux = NewUDPMux(socket)
			if mode == "pion" {
				if err := mux.Close(); err != nil {
					b.Fatal(err)
				}
				socket = listen(b, "udp4", "127.0.0.1:0", Options{})
				mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket})
			}
			defer mux.Close()
			read := make(chan struct{}, clients*burst)
			var senders []*net.UDPConn
			for i := range clients {
				c, err := mux.GetConn(fmt.Sprint("client", i), socket.LocalAddr())
				if err != nil {
					b.Fatal(err)
				}
				sender, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					b.Fatal(err)
				}
				defer sender.Close()
				senders = append(senders, sender)
				if _, err := c.(conn).WriteToAddrPort(answer(), addrPort(sender)); err != nil {
					b.Fatal(err)
				}
				go func() { // ends when the mux is closed
					packet := make([]byte, 1500)
					for {
						if _, _, err := c.(conn).ReadFromAddrPort(packet); err != nil {
							return
						}
						read <- struct{}{}
					}
				}()
			}
			packet := make([]byte, 1100)
			packet[0] = 0x80
			b.ReportAllocs()
			start, sent := cpu(b), 0
			for b.Loop() {
				for range burst {
					for _, sender := range senders {
						if _, err := sender.WriteToUDPAddrPort(packet, addrPort(socket)); err != nil {
							b.Fatal(err)
						}
					}
				}
				for range clients * burst {
					<-read
				}
				sent += clients * burst
			}
			b.ReportMetric(float64(cpu(b)-start)/float64(sent), "cpu-ns/packet")
		})
	}
}

package client

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"meet/test/impair"
)

func TestReplaceCandidatesRewritesUDPToProxyAndDropsOthers(t *testing.T) {
	proxy := netip.MustParseAddrPort("127.0.0.2:4000")
	for _, tt := range []struct{ name, text, want string }{
		{"UDP", "a=candidate:1 1 udp 2130706431 10.0.0.1 7880 typ host\r\n", "a=candidate:1 1 udp 2130706431 127.0.0.2 4000 typ host\r\n"},
		{"TCP", "a=mid:0\r\na=candidate:2 1 tcp 1671430143 10.0.0.1 7880 typ host tcptype passive\r\n", "a=mid:0\r\n"},
		{"RTCP", "a=candidate:1 2 udp 2130706431 10.0.0.1 7880 typ host\r\n", ""},
		{"IPv6", "candidate:1 1 UDP 2130706431 2001:db8::1 7880 typ srflx raddr :: rport 9", "candidate:1 1 UDP 2130706431 127.0.0.2 4000 typ srflx raddr :: rport 9"},
		{"truncated candidate", "candidate:1 1 udp", ""},
		{"no candidate", "v=0\r\na=end-of-candidates\r\n", "v=0\r\na=end-of-candidates\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := replaceCandidates(proxy, tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := replaceCandidates(netip.AddrPort{}, tt.text); got != tt.text {
				t.Errorf("without a proxy: got %q", got)
			}
		})
	}
}

// All media of the client passes through the proxy.
func TestMediaPassesThroughUDPProxy(t *testing.T) {
	l := startServer(t)
	address := strings.TrimPrefix(l.url, "ws://") // Meet uses the same port for UDP and HTTP
	if os.Getenv("LIVEKIT_TEST_URL") != "" {
		if address = os.Getenv("LIVEKIT_TEST_UDP"); address == "" {
			t.Skip("LIVEKIT_TEST_UDP, the server's address for media, is not set")
		}
	}
	for _, single := range []bool{false, true} {
		t.Run(map[bool]string{false: "two peer connections", true: "one peer connection"}[single], func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			proxy, err := impair.Listen(netip.MustParseAddrPort(address))
			if err != nil {
				t.Fatal(err)
			}
			defer proxy.Close()
			ada := l.join(ctx, t, "ada", Options{SinglePC: single})
			pub, err := ada.Publish(ctx, PublishOptions{Name: "cam", MimeType: webrtc.MimeTypeVP8})
			if err != nil {
				t.Fatal(err)
			}
			defer sendPackets(t, pub)()
			got := make(chan *RemoteTrack, 1)
			bo := l.join(ctx, t, "bo", Options{SinglePC: single, UDPProxy: proxy.Addr(), OnTrack: func(track *RemoteTrack) {
				got <- track
				track.Drain()
			}})
			var track *RemoteTrack
			select {
			case track = <-got:
			case <-ctx.Done():
				t.Fatal("no track came")
			}
			poll(ctx, t, func() string {
				if n := track.Stats().Packets; n < 50 {
					return fmt.Sprintf("%d packets", n)
				}
				return ""
			})
			if _, down := proxy.Stats(); down.Datagrams < 50 {
				t.Errorf("%d datagrams came through the proxy", down.Datagrams)
			}
			for _, tr := range bo.transports() {
				if remote := tr.pc.RemoteDescription(); remote != nil && strings.Contains(remote.SDP, address[strings.LastIndex(address, ":")+1:]+" typ host") {
					t.Errorf("the server's own address is in the description:\n%s", remote.SDP)
				}
			}
		})
	}
}

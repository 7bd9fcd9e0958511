package app

import (
	"net/netip"
	"slices"
	"testing"

	"meet/internal/peer"
	"meet/internal/rtc"
)

func TestTURNOverUDPIsOfferedOnlyWhereItDoesNotReplaceDirectUDP(t *testing.T) {
	all := []string{"turn:h?transport=udp", "turn:h?transport=tcp", "turns:h?transport=tcp"}
	private, public := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("203.0.113.7")
	stranger := rtc.RelayRequest{Host: "meet.example.org", RemoteIP: "198.51.100.1"}
	for name, tc := range map[string]struct {
		change  func(*rtc.RelayRequest)
		offered []netip.Addr
		want    []string
	}{
		"public server":                    {func(*rtc.RelayRequest) {}, []netip.Addr{private, public}, all[1:]},
		"private server, public client":    {func(*rtc.RelayRequest) {}, []netip.Addr{private}, all},
		"private server, private client":   {func(r *rtc.RelayRequest) { r.RemoteIP = "10.0.0.9" }, []netip.Addr{private}, all[1:]},
		"address in the URL":               {func(r *rtc.RelayRequest) { r.Host = "203.0.113.7" }, []netip.Addr{private}, all[1:]},
		"client not built on libwebrtc":    {func(r *rtc.RelayRequest) { r.TURNUDP = true }, []netip.Addr{public}, all},
		"direct UDP has failed":            {func(r *rtc.RelayRequest) { r.Path = peer.TCPOnly }, []netip.Addr{public}, all},
		"everything but relays has failed": {func(r *rtc.RelayRequest) { r.Path = peer.RelayOnly }, []netip.Addr{public}, all[2:]},
	} {
		req := stranger
		tc.change(&req)
		if got := chooseURLs(all, req, func() []netip.Addr { return tc.offered }); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

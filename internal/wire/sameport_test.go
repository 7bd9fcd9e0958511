package wire_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"meet/test/measure"
)

// TestClientComesBackWithTheSamePort kills a client, without a word to the server, and starts it again with the same port: it is
// connected long before ICE gives up the first connection, whoever checks paths and whoever begins DTLS.
func TestClientComesBackWithTheSamePort(t *testing.T) {
	for name, tt := range map[string]struct{ lite, serverOffers bool }{
		"ICE-lite, DTLS server": {true, true},
		"ICE-lite, DTLS client": {true, false},
		"full ICE, DTLS server": {false, true},
		"full ICE, DTLS client": {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			mux, _ := socket(t)
			var took time.Duration
			local := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
			for range 3 {
				udp, err := net.ListenUDP("udp4", local)
				if err != nil {
					t.Fatal(err)
				}
				local = udp.LocalAddr().(*net.UDPAddr)
				clientMux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: udp})
				server, client := peerOf(t, mux, tt.lite), peerOf(t, clientMux, false)
				said := make(chan string, 10)
				start := time.Now()
				if tt.serverOffers {
					exchange(t, connect(t, server, client, said), said, "hello")
				} else {
					exchange(t, connect(t, client, server, said), said, "hello")
				}
				took = time.Since(start)
				_ = errors.Join(clientMux.Close(), udp.Close()) // one of which closes it
			}
			measure.Within(t, "connected", took, 2*time.Second)
		})
	}
}

// TestSpoofedRequestsInterruptNobody sends valid requests for an attacker's connection from the address of a victim that is
// silent. The victim is heard afterwards.
func TestSpoofedRequestsInterruptNobody(t *testing.T) {
	mux, socket := socket(t)
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	clientMux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: udp})
	t.Cleanup(func() { _ = errors.Join(clientMux.Close(), udp.Close()) }) // one of which closes it
	said, ignored := make(chan string, 10), make(chan string, 10)
	dc := connect(t, peerOf(t, mux, true), peerOf(t, clientMux, false), said)
	exchange(t, dc, said, "before")

	attacked, attacker := peerOf(t, mux, true), peer(t)
	connect(t, attacked, attacker, ignored)
	ours, theirs := credentials(t, attacked), credentials(t, attacker)
	until := time.After(1500 * time.Millisecond)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for attacking := true; attacking; {
		spoofed, err := stun.Build(
			stun.BindingRequest, stun.TransactionID, stun.NewUsername(ours[0]+":"+theirs[0]), ice.AttrControlling(1), ice.PriorityAttr(1),
			stun.NewShortTermIntegrity(ours[1]), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := udp.WriteTo(spoofed.Raw, socket.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-until:
			attacking = false
		}
	}
	exchange(t, dc, said, "after")
}

// credentials returns the username fragment and the password of a peer's side of ICE.
func credentials(t *testing.T, pc *webrtc.PeerConnection) (found [2]string) {
	t.Helper()
	for line := range strings.Lines(pc.LocalDescription().SDP) {
		for i, name := range []string{"a=ice-ufrag:", "a=ice-pwd:"} {
			if value, ok := strings.CutPrefix(line, name); ok {
				found[i] = strings.TrimSpace(value)
			}
		}
	}
	if found[0] == "" || found[1] == "" {
		t.Fatal("no credentials in the description")
	}
	return found
}

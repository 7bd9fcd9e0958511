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

// A client is killed without notifying the server and restarted with the same port. The restarted client must connect long
// before ICE detects that the first connection is dead. It must do so regardless of which side sends ICE checks and which
// side starts DTLS.
func TestRestartedClientConnectsWithTheSamePort(t *testing.T) {
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
				received := make(chan string, 10)
				start := time.Now()
				if tt.serverOffers {
					exchange(t, connect(t, server, client, received), received, "hello")
				} else {
					exchange(t, connect(t, client, server, received), received, "hello")
				}
				took = time.Since(start)
				_ = errors.Join(clientMux.Close(), udp.Close()) // both close the same socket
			}
			measure.Within(t, "connected", took, 2*time.Second)
		})
	}
}

// An attacker sends valid requests for its own connection with the spoofed source address of a silent victim. Afterwards,
// messages of the victim must still arrive.
func TestSpoofedICERequestsDoNotInterruptTheVictim(t *testing.T) {
	mux, socket := socket(t)
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	clientMux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: udp})
	t.Cleanup(func() { _ = errors.Join(clientMux.Close(), udp.Close()) }) // both close the same socket
	received, ignored := make(chan string, 10), make(chan string, 10)
	dc := connect(t, peerOf(t, mux, true), peerOf(t, clientMux, false), received)
	exchange(t, dc, received, "before")

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
	exchange(t, dc, received, "after")
}

// credentials returns the ICE username fragment and password in the local description of pc.
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
		t.Fatal("the description has no ICE credentials")
	}
	return found
}

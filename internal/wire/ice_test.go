package wire_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"meet/internal/wire"
)

var _ ice.UDPMux = (*wire.UDPMux)(nil)

// ice.AddrPortReaderWriter lets Pion read and write without allocating.
var _ ice.AddrPortReaderWriter = (*wire.UDPMuxedConn)(nil)

// The sockets of both peers are PacketConns.
func TestPeersExchangeMessagesOverPacketConns(t *testing.T) {
	offerer, answerer := peer(t), peer(t)
	got := make(chan string, 100)
	answerer.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(m webrtc.DataChannelMessage) { got <- string(m.Data) })
	})
	dc, err := offerer.CreateDataChannel("x", nil)
	if err != nil {
		t.Fatal(err)
	}
	dc.OnOpen(func() {
		for range cap(got) {
			if err := dc.SendText("hello"); err != nil {
				t.Error(err)
			}
		}
	})
	offer, err := offerer.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	describe(t, offerer, answerer, offer)
	answer, err := answerer.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	describe(t, answerer, offerer, answer)
	deadline := time.After(10 * time.Second)
	for range cap(got) {
		select {
		case text := <-got:
			if text != "hello" {
				t.Errorf("got %q", text)
			}
		case <-deadline:
			t.Fatal("not all messages arrived within 10 s")
		}
	}
}

// peer returns a peer on a new socket.
func peer(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	pc, _ := peerOn(t)
	return pc
}

// peerOn returns a peer on a new socket, and the socket.
func peerOn(t *testing.T) (*webrtc.PeerConnection, *wire.PacketConn) {
	t.Helper()
	mux, conn := socket(t)
	return peerOf(t, mux, false), conn
}

// socket returns a mux on a new loopback socket, and the socket. The cleanup of the test closes both.
func socket(t *testing.T) (*wire.UDPMux, *wire.PacketConn) {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := wire.New(udp, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mux := wire.NewUDPMux(conn)
	t.Cleanup(func() {
		if err := errors.Join(mux.Close(), conn.Close()); err != nil {
			t.Error(err)
		}
	})
	return mux, conn
}

// peerOf returns a peer that uses mux, with ICE-lite if lite is set.
func peerOf(t *testing.T, mux ice.UDPMux, lite bool) *webrtc.PeerConnection {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.SetICEUDPMux(mux)
	settings.SetLite(lite)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetDTLSRetransmissionInterval(100 * time.Millisecond)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pc.GracefulClose(); err != nil {
			t.Error(err)
		}
	})
	return pc
}

// describe applies desc to the peer creator, which has created it. Then it applies desc, with all candidates of creator, to
// the peer receiver.
func describe(t *testing.T, creator, receiver *webrtc.PeerConnection, desc webrtc.SessionDescription) {
	t.Helper()
	gathered := webrtc.GatheringCompletePromise(creator)
	if err := creator.SetLocalDescription(desc); err != nil {
		t.Fatal(err)
	}
	<-gathered
	if err := receiver.SetRemoteDescription(*creator.LocalDescription()); err != nil {
		t.Fatal(err)
	}
}

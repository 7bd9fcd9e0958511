package wire_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// record returns a plaintext DTLS record.
func record(kind byte, sequence uint32, body ...byte) []byte {
	b := []byte{kind, 0xfe, 0xfd, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint32(b, sequence)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

// fragments returns 1,200 datagrams, more than Pion can buffer. Each has one record with the first bytes of another
// handshake message.
func fragments() (datagrams [][]byte) {
	const each, count = 20, 60
	for n := range uint32(count) {
		var d []byte
		for i := range uint32(each) {
			number := 1000 + n*each + i
			d = append(d, record(22, number, 1, 0, 0, 9, byte(number>>8), byte(number), 0, 0, 0, 0, 0, 1, 0)...)
		}
		datagrams = append(datagrams, d)
	}
	return datagrams
}

// After the handshake, an attacker sends plaintext records with the spoofed address of the client. They must have no effect.
func TestForgedDTLSRecordsDoNotBreakTheConnection(t *testing.T) {
	const forged = 0x7f000002 // a sequence number that the client has not used yet
	data := record(23, forged, 1, 2, 3)
	for name, attack := range map[string][][]byte{
		"close_notify":                              {record(21, forged, 1, 0)},
		"fatal alert":                               {record(21, forged, 2, 40)},
		"alert after a handshake record":            {append(record(22, forged, 1, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0), record(21, forged+1, 2, 40)...)},
		"application data":                          {data},
		"unknown type":                              {record(63, forged, 1, 2, 3)},
		"malformed ChangeCipherSpec":                {record(20, forged, 2)},
		"incomplete handshake messages":             fragments(),
		"application data and an incomplete record": {append(data, 22, 0)},
	} {
		for role, serverOffers := range map[string]bool{"DTLS server": true, "DTLS client": false} {
			t.Run(name+" to a "+role, func(t *testing.T) {
				server, socket := peerOn(t)
				client, clientSocket := peerOn(t)
				received := make(chan string, 10)
				var dc *webrtc.DataChannel
				if serverOffers {
					dc = connect(t, server, client, received)
				} else {
					dc = connect(t, client, server, received)
				}
				exchange(t, dc, received, "before")
				to := socket.LocalAddr().(*net.UDPAddr).AddrPort()
				for _, datagram := range attack {
					if _, err := clientSocket.WriteToAddrPort(datagram, to); err != nil {
						t.Fatal(err)
					}
				}
				exchange(t, dc, received, "after")
			})
		}
	}
}

// connect connects two peers and returns an open data channel of the offerer. The answerer echoes each message. Each echo is
// sent to the channel echoes.
func connect(t *testing.T, offerer, answerer *webrtc.PeerConnection, echoes chan<- string) *webrtc.DataChannel {
	t.Helper()
	answerer.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(m webrtc.DataChannelMessage) { _ = dc.SendText(string(m.Data)) })
	})
	dc, err := offerer.CreateDataChannel("x", nil)
	if err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	dc.OnOpen(func() { close(open) })
	dc.OnMessage(func(m webrtc.DataChannelMessage) { echoes <- string(m.Data) })
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
	select {
	case <-open:
	case <-time.After(10 * time.Second):
		t.Fatal("the data channel did not open within 10 s")
	}
	return dc
}

// exchange sends text on dc and waits for its echo on the channel echoes.
func exchange(t *testing.T, dc *webrtc.DataChannel, echoes <-chan string, text string) {
	t.Helper()
	if err := dc.SendText(text); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-echoes:
		if got != text {
			t.Fatalf("the echo is %q, want %q", got, text)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("no echo of %q within 5 s", text)
	}
}

// lossyConn is a socket that drops received datagrams that begin with a ChangeCipherSpec record. The last flight of a
// handshake begins with such a record. The field left is the number of datagrams still to drop.
type lossyConn struct {
	*net.UDPConn
	left atomic.Int32
}

// ReadFrom reads the next datagram that is not dropped.
func (l *lossyConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.UDPConn.ReadFrom(b)
		if err != nil || n == 0 || b[0] != 20 || l.left.Add(-1) < 0 {
			return n, from, err
		}
	}
}

// The server's last flight is lost twice. The client repeats its own flight, and the dtlsFilter passes only the encrypted
// end of that flight. This must be enough to make the server repeat its flight.
func TestLostDTLSFinishedMessageIsRetransmitted(t *testing.T) {
	server := peer(t)
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	losing := &lossyConn{UDPConn: udp}
	losing.left.Store(2)
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: losing})
	t.Cleanup(func() { _ = errors.Join(mux.Close(), udp.Close()) }) // both close the same socket
	client := peerOf(t, mux, false)
	received := make(chan string, 10)
	exchange(t, connect(t, server, client, received), received, "hello")
	if n := losing.left.Load(); n > 0 {
		t.Errorf("%d datagrams were not lost", n)
	}
}

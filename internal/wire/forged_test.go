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

// record is an unencrypted DTLS record.
func record(kind byte, sequence uint32, body ...byte) []byte {
	b := []byte{kind, 0xfe, 0xfd, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint32(b, sequence)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

// fragments are the first bytes of handshake messages, each in a record of its own, as many as pion keeps.
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

// TestForgedRecordsEndNoCall sends from the client's address what a stranger could send who spoofs it.
func TestForgedRecordsEndNoCall(t *testing.T) {
	const forged = 0x7f000002 // the sequence number, beyond all that the client has used
	data := record(23, forged, 1, 2, 3)
	for name, attack := range map[string][][]byte{
		"close_notify":                   {record(21, forged, 1, 0)},
		"fatal alert":                    {record(21, forged, 2, 40)},
		"alert behind a handshake":       {append(record(22, forged, 1, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0), record(21, forged+1, 2, 40)...)},
		"application data":               {data},
		"record of unknown type":         {record(63, forged, 1, 2, 3)},
		"malformed change of ciphers":    {record(20, forged, 2)},
		"messages that never get whole":  fragments(),
		"application data and a garbage": {append(data, 22, 0)},
	} {
		for role, serverOffers := range map[string]bool{"DTLS server": true, "DTLS client": false} {
			t.Run(name+" to a "+role, func(t *testing.T) {
				server, socket := peerOn(t)
				client, clientSocket := peerOn(t)
				said := make(chan string, 10)
				var dc *webrtc.DataChannel
				if serverOffers {
					dc = connect(t, server, client, said)
				} else {
					dc = connect(t, client, server, said)
				}
				exchange(t, dc, said, "before")
				to := socket.LocalAddr().(*net.UDPAddr).AddrPort()
				for _, datagram := range attack {
					if _, err := clientSocket.WriteToAddrPort(datagram, to); err != nil {
						t.Fatal(err)
					}
				}
				exchange(t, dc, said, "after")
			})
		}
	}
}

// connect connects two peers and returns an open channel of the offerer. What the answerer hears on it, it says back,
// and the offerer passes that on to said.
func connect(t *testing.T, offerer, answerer *webrtc.PeerConnection, said chan<- string) *webrtc.DataChannel {
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
	dc.OnMessage(func(m webrtc.DataChannelMessage) { said <- string(m.Data) })
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
		t.Fatal("the channel does not open")
	}
	return dc
}

// exchange sends text and waits until it comes back.
func exchange(t *testing.T, dc *webrtc.DataChannel, said <-chan string, text string) {
	t.Helper()
	if err := dc.SendText(text); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-said:
		if got != text {
			t.Fatalf("heard %q, want %q", got, text)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("%q does not come back", text)
	}
}

// lossy is a socket that loses the first datagrams that begin with a change of ciphers, as the last flight of a
// handshake does.
type lossy struct {
	*net.UDPConn
	left atomic.Int32
}

func (l *lossy) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.UDPConn.ReadFrom(b)
		if err != nil || n == 0 || b[0] != 20 || l.left.Add(-1) < 0 {
			return n, from, err
		}
	}
}

// TestLostFinishedMessageIsRepeated loses the server's last flight twice: the client repeats its own, of which the
// server obeys only the encrypted end.
func TestLostFinishedMessageIsRepeated(t *testing.T) {
	server := peer(t)
	udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	losing := &lossy{UDPConn: udp}
	losing.left.Store(2)
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: losing})
	t.Cleanup(func() { _ = errors.Join(mux.Close(), udp.Close()) }) // one of which closes it
	client := peerOf(t, mux, false)
	said := make(chan string, 10)
	exchange(t, connect(t, server, client, said), said, "hello")
	if n := losing.left.Load(); n > 0 {
		t.Errorf("%d datagrams were not lost", n)
	}
}

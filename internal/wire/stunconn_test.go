package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"
)

// stunMessage returns a STUN message of the type kind without attributes.
func stunMessage(kind uint16) []byte {
	m := binary.BigEndian.AppendUint16(nil, kind)
	m = binary.BigEndian.AppendUint16(m, 0)
	m = binary.BigEndian.AppendUint32(m, stunCookie)
	return append(m, "transaction "...)
}

func TestIsSTUNTrafficExcludesPacketsOfPeerConnections(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		want   bool
	}{
		"no bytes":                         {nil, false},
		"RTP":                              {append([]byte{0x80}, make([]byte, 30)...), false},
		"DTLS":                             {append([]byte{22}, make([]byte, 30)...), false},
		"Binding request of ICE":           {binding("ours:theirs")[2:], false},
		"Binding success response":         {stunMessage(0x0101), false},
		"Binding error response":           {stunMessage(0x0111), false},
		"Binding indication":               {stunMessage(0x0011), false},
		"Binding request without USERNAME": {stunMessage(stunBinding), true},
		"Allocate":                         {stunMessage(stunAllocate), true},
		"Send indication":                  {stunMessage(0x0016), true},
		"ChannelBind":                      {stunMessage(0x0009), true},
		"ChannelData":                      {[]byte{0x40, 0x01, 0, 1, 9}, true},
		"short STUN message":               {stunMessage(stunAllocate)[:19], false},
		"zeros":                            {make([]byte, 30), false},
	} {
		if got := isSTUNTraffic(c.packet); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// FuzzIsSTUNTraffic checks that no packet that begins like RTP counts as STUN traffic.
func FuzzIsSTUNTraffic(f *testing.F) {
	f.Add(stunMessage(stunAllocate))
	f.Add(binding("ours:theirs")[2:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if isSTUNTraffic(b) && len(b) > 0 && b[0] >= 0x80 {
			t.Errorf("% x begins like RTP, but counts as STUN traffic", b)
		}
	})
}

// Media and TURN packets arrive at one socket. The PacketConn must return only the media, the STUNConn only the TURN
// packets. A response of the STUNConn must leave from the same socket.
func TestSTUNConnAndMediaShareOneSocket(t *testing.T) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(udp, Options{})
	if err != nil {
		t.Fatal(err)
	}
	stun := c.STUNConn()
	if c.STUNConn() != stun {
		t.Error("a socket has two STUNConns")
	}
	client, err := net.Dial("udp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	media := append([]byte{0x80}, "media"...)
	for _, packet := range [][]byte{stunMessage(stunAllocate), media} {
		if _, err := client.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 100)
	if n, _, err := c.ReadFrom(buf); err != nil || !bytes.Equal(buf[:n], media) {
		t.Fatalf("the reader of media got % x, %v", buf[:n], err)
	}
	n, from, err := stun.ReadFrom(buf)
	if err != nil || !bytes.Equal(buf[:n], stunMessage(stunAllocate)) || from.String() != client.LocalAddr().String() {
		t.Fatalf("the STUNConn got % x from %v, %v", buf[:n], from, err)
	}
	if _, err := stun.WriteTo([]byte("answer"), from); err != nil {
		t.Fatal(err)
	}
	_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := client.Read(buf); err != nil || string(buf[:n]) != "answer" {
		t.Fatalf("the client got %q, %v", buf[:n], err)
	}
	if err := errors.Join(stun.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if _, _, err := stun.ReadFrom(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a read of a closed STUNConn returned %v", err)
	}
}

// The TURN server stops when ReadFrom fails, so one large packet must not make it fail.
func TestSTUNConnTruncatesPacketsLargerThanTheReadersBuffer(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", Options{})
	stun := c.STUNConn()
	go func() { // ends when c is closed
		for {
			if _, _, err := c.ReadFromAddrPort(make([]byte, maxDatagramIn)); err != nil {
				return
			}
		}
	}()
	client := listen(t, "udp4", "127.0.0.1:0", Options{})
	b := make([]byte, 1600)
	for _, size := range []int{maxDatagramIn, 8, len(b) + 1, 100} {
		packet := make([]byte, size)
		packet[0] = channelData << 4
		if _, err := client.WriteTo(packet, c.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		_ = stun.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, _, err := stun.ReadFrom(b); err != nil || n != min(size, len(b)) {
			t.Fatalf("read %d of %d bytes, %v", n, size, err)
		}
	}
}

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"
)

// stunMessage is a STUN message of that type, with nothing in it.
func stunMessage(kind uint16) []byte {
	m := binary.BigEndian.AppendUint16(nil, kind)
	m = binary.BigEndian.AppendUint16(m, 0)
	m = binary.BigEndian.AppendUint32(m, stunCookie)
	return append(m, "transaction "...)
}

func TestIsAsideKnowsWhatIsNotMedia(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		want   bool
	}{
		"nothing":                        {nil, false},
		"RTP":                            {append([]byte{0x80}, make([]byte, 30)...), false},
		"DTLS":                           {append([]byte{22}, make([]byte, 30)...), false},
		"ICE's Binding request":          {binding("ours:theirs")[2:], false},
		"its answer":                     {stunMessage(0x0101), false},
		"its error":                      {stunMessage(0x0111), false},
		"its indication":                 {stunMessage(0x0011), false},
		"somebody asks where he is":      {stunMessage(stunBinding), true},
		"TURN's Allocate":                {stunMessage(stunAllocate), true},
		"TURN's Send indication":         {stunMessage(0x0016), true},
		"TURN's ChannelBind":             {stunMessage(0x0009), true},
		"TURN's data":                    {[]byte{0x40, 0x01, 0, 1, 9}, true},
		"a short STUN":                   {stunMessage(stunAllocate)[:19], false},
		"something that begins likewise": {make([]byte, 30), false},
	} {
		if got := isSTUNTraffic(c.packet); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func FuzzIsAside(f *testing.F) {
	f.Add(stunMessage(stunAllocate))
	f.Add(binding("ours:theirs")[2:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if isSTUNTraffic(b) && len(b) > 0 && b[0] >= 0x80 {
			t.Errorf("% x is media", b)
		}
	})
}

// TestAsideAndMediaShareOneSocket sends media and TURN to one socket: each reader gets its own, and who asks aside is
// answered from the socket.
func TestAsideAndMediaShareOneSocket(t *testing.T) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(udp, Options{})
	if err != nil {
		t.Fatal(err)
	}
	aside := c.STUNConn()
	if c.STUNConn() != aside {
		t.Error("a socket has two asides")
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
		t.Fatalf("the media's reader got % x, %v", buf[:n], err)
	}
	n, from, err := aside.ReadFrom(buf)
	if err != nil || !bytes.Equal(buf[:n], stunMessage(stunAllocate)) || from.String() != client.LocalAddr().String() {
		t.Fatalf("the other got % x from %v, %v", buf[:n], from, err)
	}
	if _, err := aside.WriteTo([]byte("answer"), from); err != nil {
		t.Fatal(err)
	}
	_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := client.Read(buf); err != nil || string(buf[:n]) != "answer" {
		t.Fatalf("answered %q, %v", buf[:n], err)
	}
	if err := errors.Join(aside.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if _, _, err := aside.ReadFrom(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed one reads %v", err)
	}
}

package wire

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
)

// dtlsRecord returns a DTLS record whose body has size bytes, of which the first is 1.
func dtlsRecord(kind byte, epoch uint16, size int) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kind, 0xfe, 0xfd}, epoch)
	b = append(b, 0, 0, 0, 0, 0, 7)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	body := make([]byte, size)
	if size > 0 {
		body[0] = 1
	}
	return append(b, body...)
}

func TestDTLSFilterDetectsTheEndOfAHandshake(t *testing.T) {
	finished, data, media := dtlsRecord(recordHandshake, 1, 40), dtlsRecord(recordData, 1, 40), []byte{0x80, 96, 0, 1}
	plain := append(dtlsRecord(recordHandshake, 0, 100), dtlsRecord(recordChangeCipherSpec, 0, 1)...)
	for name, c := range map[string]struct {
		sent, received [][]byte // alternating, beginning with sent
		want           bool
	}{
		"no packets":                        {nil, nil, false},
		"plaintext handshake records":       {[][]byte{plain}, [][]byte{plain}, false},
		"encrypted records from the client": {[][]byte{plain}, [][]byte{data, media, finished}, false},
		"Finished from the server":          {[][]byte{append(bytes.Clone(plain), finished...)}, [][]byte{plain}, false},
		"Finished from both":                {[][]byte{append(bytes.Clone(plain), finished...)}, [][]byte{append(bytes.Clone(plain), finished...)}, true},
		"Finished from the client first":    {[][]byte{plain, finished}, [][]byte{finished}, true},
		"data from the server":              {[][]byte{data}, nil, true},
		"media from the server":             {[][]byte{media}, nil, true},
		"STUN from the server":              {[][]byte{answer(), nil}, nil, false},
	} {
		f := &dtlsFilter{}
		for i := range max(len(c.sent), len(c.received)) {
			if i < len(c.sent) {
				f.observeSent(c.sent[i], netip.AddrPort{})
			}
			if i < len(c.received) {
				if n := f.filter(bytes.Clone(c.received[i])); n != len(c.received[i]) && !f.handshakeEnded.Load() {
					t.Errorf("%s: %d bytes of %d pass during the handshake", name, n, len(c.received[i]))
				}
			}
		}
		if f.handshakeEnded.Load() != c.want {
			t.Errorf("%s: ended %v, want %v", name, !c.want, c.want)
		}
	}
}

func TestDTLSFilterRemovesPlaintextRecords(t *testing.T) {
	join := func(records ...[]byte) []byte { return bytes.Join(records, nil) }
	change, finished, data := dtlsRecord(recordChangeCipherSpec, 0, 1), dtlsRecord(recordHandshake, 1, 40), dtlsRecord(recordData, 1, 300)
	plain, alert := dtlsRecord(recordHandshake, 0, 700), dtlsRecord(recordAlert, 0, 2)
	for name, c := range map[string]struct{ packet, want []byte }{
		"media":                            {media, media},
		"STUN":                             {answer(), answer()},
		"data":                             {data, data},
		"encrypted alert":                  {dtlsRecord(recordAlert, 1, 26), dtlsRecord(recordAlert, 1, 26)},
		"plaintext alert":                  {alert, nil},
		"plaintext data":                   {dtlsRecord(recordData, 0, 9), nil},
		"plaintext handshake record":       {plain, nil},
		"repeated flight":                  {join(plain, plain, change, finished), join(change, finished)},
		"alert between data":               {join(data, alert, data), join(data, data)},
		"ChangeCipherSpec with two bytes":  {dtlsRecord(recordChangeCipherSpec, 0, 2), nil},
		"empty ChangeCipherSpec":           {dtlsRecord(recordChangeCipherSpec, 0, 0), nil},
		"encrypted ChangeCipherSpec":       {dtlsRecord(recordChangeCipherSpec, 1, 1), nil},
		"unknown type":                     {dtlsRecord(63, 0, 9), nil},
		"encrypted unknown type":           {dtlsRecord(25, 1, 9), nil},
		"epoch 2":                          {dtlsRecord(recordData, 2, 9), nil},
		"incomplete record":                {data[:50], nil},
		"incomplete record after a record": {join(data, alert[:14]), data},
	} {
		f := &dtlsFilter{}
		f.handshakeEnded.Store(true)
		packet := bytes.Clone(c.packet)
		if got := packet[:f.filter(packet)]; !bytes.Equal(got, c.want) {
			t.Errorf("%s: % x passes, want % x", name, got, c.want)
		}
	}
}

// The filter must bound the size of handshake messages, encrypted or not, because Pion stores them until the connection
// ends.
func TestTotalSizeOfDTLSHandshakeRecordsIsBounded(t *testing.T) {
	for _, epoch := range []uint16{0, 1} {
		f, passed := &dtlsFilter{}, 0
		for range 1000 {
			passed += f.filter(dtlsRecord(recordHandshake, epoch, 1000))
		}
		if passed < maxHandshake-2000 || passed > maxHandshake {
			t.Errorf("%d bytes of handshake records passed in epoch %d", passed, epoch)
		}
		if n := f.filter(dtlsRecord(recordData, 1, 100)); n != recordHeader+100 {
			t.Errorf("%d bytes of data passed", n)
		}
	}
}

// One username fragment has a connection for each IP version, but only one DTLS handshake. So its connections must share a
// filter.
func TestConnectionsOfOneICEUfragShareADTLSFilter(t *testing.T) {
	m := newMuxed(t)
	a, b := m.open("a"), m.open("b")
	six, err := m.GetConn("a", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteToAddrPort(media, m.address); err != nil {
		t.Fatal(err)
	}
	if other := six.(*UDPMuxedConn); !other.dtls.handshakeEnded.Load() || b.dtls.handshakeEnded.Load() {
		t.Error("one fragment has two filters, or two fragments share one")
	}
}

func TestDTLSFilterDoesNotAllocate(t *testing.T) {
	f := &dtlsFilter{}
	flight := append(dtlsRecord(recordHandshake, 0, 700), dtlsRecord(recordHandshake, 1, 40)...)
	if n := testing.AllocsPerRun(1000, func() { f.observeSent(flight, netip.AddrPort{}); f.filter(flight[:f.filter(flight)]) }); n > 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func FuzzDTLSFilter(f *testing.F) {
	for _, epoch := range []uint16{0, 1} {
		f.Add(append(dtlsRecord(recordHandshake, epoch, 60), dtlsRecord(recordAlert, epoch, 2)...), true)
		f.Add(append(dtlsRecord(recordData, epoch, 60), dtlsRecord(recordChangeCipherSpec, epoch, 1)...), false)
	}
	f.Fuzz(func(t *testing.T, packet []byte, ended bool) {
		filter := &dtlsFilter{}
		filter.handshakeEnded.Store(ended)
		got := bytes.Clone(packet)
		got = got[:filter.filter(got)]
		if len(packet) == 0 || packet[0] < firstDTLS || packet[0] > lastDTLS {
			if !bytes.Equal(got, packet) {
				t.Fatalf("% x becomes % x", packet, got)
			}
			return
		}
		for len(got) > 0 {
			size := recordSize(got)
			if size == 0 || !bytes.Contains(packet, got[:size]) {
				t.Fatalf("% x is no record of % x", got, packet)
			}
			if ended && recordEpoch(got) == 0 && got[0] != recordChangeCipherSpec {
				t.Fatalf("% x passes", got[:size])
			}
			got = got[size:]
		}
	})
}

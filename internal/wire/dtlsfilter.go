package wire

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	// recordHeader is the length in bytes of the header of a DTLS 1.2 record: type, version, epoch, sequence number and
	// length (RFC 6347, section 4.1).
	recordHeader = 13
	// recordChangeCipherSpec to recordData are the types of DTLS records (RFC 5246, section 6.2.1).
	recordChangeCipherSpec, recordAlert, recordHandshake, recordData = 20, 21, 22, 23
	// The first byte of a DTLS packet is in the range from firstDTLS to lastDTLS. The first byte of an RTP or RTCP packet is
	// in the range from firstMedia to lastMedia (RFC 7983, section 7).
	firstDTLS, lastDTLS   = 20, 63
	firstMedia, lastMedia = 128, 191
	// maxHandshake bounds the total size in bytes of the handshake records of one connection. A handshake has 2 to 4 KB in
	// each direction. It is repeated at most ten times, with doubling timeouts, until Pion gives up after 30 s.
	maxHandshake = 64 << 10
)

// dtlsFilter drops DTLS records with which an attacker who spoofs a client's address could break the client's connection.
//
// DTLS encrypts and authenticates records of epoch 1. Records of epoch 0 are plaintext. They are needed during the
// handshake, but Pion still processes them afterwards. An alert closes the connection. Application data, a record of unknown
// type or a malformed ChangeCipherSpec makes Pion send a fatal alert to the client. And a thousand fragments of incomplete
// handshake messages fill a buffer, after which Pion drops all records, even encrypted ones.
//
// The filter detects the end of the handshake by packets that the server sends, which nobody else can forge: media,
// encrypted application data, or a Finished message if encrypted records of the client have arrived too. From then on it
// passes only encrypted records and the one valid ChangeCipherSpec. A client that has not received the server's last flight
// repeats its own last flight. That flight ends with an encrypted Finished message. This message alone makes Pion repeat the
// server's flight, so the filter can remove the plaintext records from the client's flight.
//
// The filter also limits authenticated but hostile clients. Pion stores every handshake message until the connection ends,
// so the filter passes only maxHandshake bytes of handshake records.
type dtlsFilter struct {
	handshakeEnded    atomic.Bool // the handshake has completed
	sentFinished      atomic.Bool // the server has sent a Finished message
	receivedEncrypted atomic.Bool // a record that claims to be encrypted has been received

	handshakeBytes atomic.Int64 // bytes of handshake records received

	mu           sync.Mutex
	peer         netip.AddrPort // address of the first plaintext handshake record that the server has sent
	severalPeers bool           // the server has also sent such records to other addresses
}

// observeSent is called for each packet b that the server sends. It reports whether b completes the server's side of a
// handshake whose records were all sent to one address. If so, the client of the handshake has proved that it can read
// packets at that address. It has signed the random number in the server's first message, or has derived its keys from that
// number. The server sends Finished only after it has verified this.
func (f *dtlsFilter) observeSent(b []byte, to netip.AddrPort) bool {
	if f.handshakeEnded.Load() || len(b) == 0 || b[0] < firstDTLS || b[0] > lastMedia {
		return false
	}
	if b[0] >= firstMedia {
		f.handshakeEnded.Store(true)
		return false
	}
	proved := false
	for size := recordSize(b); size > 0; size = recordSize(b) {
		if recordEpoch(b) > 0 {
			switch b[0] {
			case recordData:
				f.handshakeEnded.Store(true)
			case recordHandshake:
				f.sentFinished.Store(true)
				proved = f.sentOnlyTo(to)
			}
		} else {
			f.recordPeer(to)
		}
		b = b[size:]
	}
	f.updateEnded()
	return proved
}

// recordPeer stores the destination of a plaintext handshake record that the server sends.
func (f *dtlsFilter) recordPeer(to netip.AddrPort) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.peer.IsValid() {
		f.peer = unmapped(to)
	}
	f.severalPeers = f.severalPeers || f.peer != unmapped(to)
}

// sentOnlyTo reports whether the server has sent plaintext handshake records to peer and to no other address.
func (f *dtlsFilter) sentOnlyTo(peer netip.AddrPort) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peer == unmapped(peer) && !f.severalPeers
}

// handshakeStarted reports whether the server has sent a plaintext handshake record.
func (f *dtlsFilter) handshakeStarted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peer.IsValid()
}

// updateEnded sets handshakeEnded if the server has sent Finished and has received an encrypted record.
func (f *dtlsFilter) updateEnded() {
	if f.sentFinished.Load() && f.receivedEncrypted.Load() {
		f.handshakeEnded.Store(true)
	}
}

// filter moves the records that may pass to the front of the received packet b and returns their total length. It passes
// packets that are not DTLS unchanged.
func (f *dtlsFilter) filter(b []byte) int {
	if len(b) == 0 || b[0] < firstDTLS || b[0] > lastDTLS {
		return len(b)
	}
	kept, rest := 0, b
	for size := recordSize(rest); size > 0; size = recordSize(rest) {
		if f.allows(rest[:size]) {
			kept += copy(b[kept:], rest[:size])
		}
		rest = rest[size:]
	}
	return kept // without an incomplete record at the end, which would make Pion drop the whole datagram
}

// allows reports whether a received record may pass. It also updates receivedEncrypted and handshakeBytes.
func (f *dtlsFilter) allows(record []byte) bool {
	kind, epoch := record[0], recordEpoch(record)
	if epoch > 0 && !f.receivedEncrypted.Load() {
		f.receivedEncrypted.Store(true)
		f.updateEnded()
	}
	ended := f.handshakeEnded.Load()
	switch {
	case ended && epoch == 0:
		return kind == recordChangeCipherSpec && len(record) == recordHeader+1 && record[recordHeader] == 1
	case ended && (epoch > 1 || kind < recordAlert || kind > recordData): // there is no renegotiation (RFC 8827, section 6.5)
		return false
	case kind == recordHandshake:
		return f.handshakeBytes.Add(int64(len(record))) <= maxHandshake
	}
	return true
}

// recordSize returns the length of the first record in b in bytes, or 0 if it is incomplete.
func recordSize(b []byte) int {
	if len(b) < recordHeader {
		return 0
	}
	size := recordHeader + int(binary.BigEndian.Uint16(b[11:]))
	if size > len(b) {
		return 0
	}
	return size
}

// recordEpoch returns the epoch of the first record in b, which has to be complete.
func recordEpoch(b []byte) uint16 { return binary.BigEndian.Uint16(b[3:]) }

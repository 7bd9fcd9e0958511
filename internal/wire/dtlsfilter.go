package wire

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	// recordHeader is the length of the header of a DTLS 1.2 record: type, version, epoch, sequence number and length
	// (RFC 6347, section 4.1).
	recordHeader = 13
	// Types of DTLS records (RFC 5246, section 6.2.1).
	recordChangeCipherSpec, recordAlert, recordHandshake, recordData = 20, 21, 22, 23
	// firstDTLS and lastDTLS bound the first byte of DTLS, firstMedia and lastMedia that of RTP and RTCP (RFC 7983, section 7).
	firstDTLS, lastDTLS   = 20, 63
	firstMedia, lastMedia = 128, 191
	// maxHandshake bounds the handshake records of one connection in bytes. A handshake has 2 to 4 KB in each direction, and
	// timers that double repeat it at most ten times in the 30 s until pion gives up.
	maxHandshake = 64 << 10
)

// dtlsFilter drops the DTLS records by which a stranger who spoofs a client's address could end its connection.
//
// DTLS protects records of epoch 1. Those of epoch 0 are plain: before the handshake has ended they are needed, and after
// that pion still obeys them. An alert closes the connection; application data, a record of unknown type or a malformed
// ChangeCipherSpec makes pion send a fatal alert to the client; and a thousand fragments of handshake messages that never
// become whole fill a buffer, after which pion drops everything, encrypted records included.
//
// The filter knows that the handshake has ended by what this side sends, which nobody else can forge: media, encrypted data,
// or a Finished message if the other side has sent encrypted records too. From then on it passes encrypted records and the
// one valid ChangeCipherSpec. A client that has not received our last flight repeats its own, which ends with an encrypted
// Finished; that record alone makes pion repeat ours, so the unencrypted part of the flight is cut from its datagram.
//
// A second bound is for clients that are authenticated but hostile: pion keeps every handshake message for as long as the
// connection lasts, so the filter passes only maxHandshake bytes of them.
type dtlsFilter struct {
	handshakeEnded    atomic.Bool // the handshake has ended
	sentFinished      atomic.Bool // we have sent Finished
	receivedEncrypted atomic.Bool // an encrypted record has come, or one that looks so

	handshakeBytes atomic.Int64 // bytes of handshake records that have come

	mu           sync.Mutex
	peer         netip.AddrPort // to which this side has sent the first record of its handshake
	severalPeers bool           // it has sent others to other addresses
}

// observeSent notes what this side sends, and reports whether it completes this side of a handshake of which every record has gone to
// that address. Then whoever the handshake is with can read what is observeSent to the address: we send Finished only after the other
// side has signed, or proved to have derived its keys from, the random number in our first message.
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

// recordPeer keeps to which addresses the handshake goes.
func (f *dtlsFilter) recordPeer(to netip.AddrPort) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.peer.IsValid() {
		f.peer = unmapped(to)
	}
	f.severalPeers = f.severalPeers || f.peer != unmapped(to)
}

// sentOnlyTo reports whether the handshake has gone to that address alone.
func (f *dtlsFilter) sentOnlyTo(to netip.AddrPort) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peer == unmapped(to) && !f.severalPeers
}

// handshakeStarted reports whether any of a handshake has been sent.
func (f *dtlsFilter) handshakeStarted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peer.IsValid()
}

// updateEnded notes the end of a handshake.
func (f *dtlsFilter) updateEnded() {
	if f.sentFinished.Load() && f.receivedEncrypted.Load() {
		f.handshakeEnded.Store(true)
	}
}

// filter moves the records that may pass to the front of a packet and returns their length. It passes what is not DTLS whole.
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
	return kept // without an incomplete record at the end, for which pion would drop the whole datagram
}

// allows reports whether a record that has come may pass.
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

// recordSize returns the length of the first record in b, or 0 if it is not whole.
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

// recordEpoch returns the epoch of the first record in b.
func recordEpoch(b []byte) uint16 { return binary.BigEndian.Uint16(b[3:]) }

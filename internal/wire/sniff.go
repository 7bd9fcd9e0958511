package wire

import "encoding/binary"

// protocol is the protocol of a TCP connection, as detected by its first bytes.
type protocol int

const (
	undecided protocol = iota // more bytes are needed
	protocolHTTP
	protocolTLS
	protocolICE
	protocolTURN
	protocolUnknown
)

// sniffBytes is the number of bytes from which classify can always detect the protocol.
const sniffBytes = 10

const (
	// stunHeader is the length of a STUN header in bytes. stunCookie is the magic cookie in bytes 4 to 7 (RFC 8489, section
	// 5).
	stunHeader = 20
	stunCookie = 0x2112A442
	// stunBinding is the message type of a Binding request. stunAllocate is the message type of a TURN Allocate request. An
	// ICE connection begins with a Binding request, a TURN connection with either.
	stunBinding, stunAllocate = 0x0001, 0x0003
	// stunAllocateSuccess is the message type of a successful Allocate response, which grants a relay (RFC 8656, section
	// 17).
	stunAllocateSuccess = 0x0103
	// stunBindingSuccess is the message type of a successful Binding response. notSTUN stands for a packet that is not a
	// STUN message. No message type has this value, because the first two bits of every message type are 0.
	stunBindingSuccess, notSTUN = 0x0101, 0xffff
	// stunUsername is the USERNAME attribute, which contains the username fragments of both peers (RFC 8489, section 14.3).
	stunUsername = 0x0006
	// tlsHandshake is the first byte of a TLS connection: the content type of a handshake record (RFC 8446, section 5.1).
	tlsHandshake = 0x16
	// maxFirstMessage bounds the size in bytes of the first message of an ICE connection. A Binding request with all
	// attributes in use has about 150 bytes.
	maxFirstMessage = 1024
)

// classify detects the protocol of a connection whose first bytes are b. An ICE connection begins with a frame (RFC 4571,
// section 2). The frame consists of its length, whose first byte is small, and a STUN Binding request. A TURN connection
// begins with a STUN request without a frame, so the magic cookie is two bytes earlier. HTTP begins with an upper-case
// letter.
func classify(b []byte) protocol {
	switch {
	case len(b) == 0:
		return undecided
	case b[0] == tlsHandshake:
		return protocolTLS
	case b[0] >= maxFirstMessage>>8:
		return protocolHTTP
	case len(b) < sniffBytes:
		return undecided
	}
	if first := binary.BigEndian.Uint16(b); (first == stunAllocate || first == stunBinding) && binary.BigEndian.Uint32(b[4:]) == stunCookie {
		return protocolTURN
	}
	frame, message := int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[4:]))
	if binary.BigEndian.Uint16(b[2:]) != stunBinding || binary.BigEndian.Uint32(b[6:]) != stunCookie || frame != stunHeader+message {
		return protocolUnknown
	}
	return protocolICE
}

// stunType returns the message type of b, or notSTUN if b is not a STUN message.
func stunType(b []byte) uint16 {
	if len(b) < stunHeader || b[0] > 3 || binary.BigEndian.Uint32(b[4:]) != stunCookie {
		return notSTUN
	}
	return binary.BigEndian.Uint16(b)
}

// localFragment returns the server's username fragment in the Binding request m. This is the part of USERNAME before the
// colon (RFC 8445, section 7.2.2). localFragment returns "" if m is incomplete or has no USERNAME with a colon.
func localFragment(m []byte) string {
	if len(m) < stunHeader || int(binary.BigEndian.Uint16(m[2:])) != len(m)-stunHeader {
		return ""
	}
	for attributes := m[stunHeader:]; len(attributes) >= 4; {
		name, length := binary.BigEndian.Uint16(attributes), int(binary.BigEndian.Uint16(attributes[2:]))
		padded := (length + 3) &^ 3
		if attributes = attributes[4:]; padded > len(attributes) {
			return ""
		}
		if name != stunUsername {
			attributes = attributes[padded:]
			continue
		}
		for i, c := range attributes[:length] {
			if c == ':' {
				return string(attributes[:i])
			}
		}
		return ""
	}
	return ""
}

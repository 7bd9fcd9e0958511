package wire

import "encoding/binary"

// protocol is what a TCP connection turns out to carry.
type protocol int

const (
	undecided protocol = iota // more bytes are needed
	protocolHTTP
	protocolICE
	protocolTURN
	protocolUnknown
)

// sniffBytes is how many bytes always decide.
const sniffBytes = 10

const (
	// stunHeader is the length of a STUN header, and stunCookie what stands at its fifth byte (RFC 8489, section 5).
	stunHeader = 20
	stunCookie = 0x2112A442
	// stunBinding is the type of the first message of an ICE connection: a Binding request. A connection of TURN begins
	// with that too, or with stunAllocate.
	stunBinding, stunAllocate = 0x0001, 0x0003
	// stunAllocateSuccess is the type of TURN's answer to an Allocate request that gives a relay (RFC 8656, section 17).
	stunAllocateSuccess = 0x0103
	// stunBindingSuccess is the type of a Binding success response, notSTUN none: the first two bits of a type are 0.
	stunBindingSuccess, notSTUN = 0x0101, 0xffff
	// stunUsername is the attribute that names both sides' fragments (RFC 8489, section 14.3).
	stunUsername = 0x0006
	// maxFirstMessage bounds the first message: a Binding request with every attribute in use has some 150 bytes.
	maxFirstMessage = 1024
)

// classify tells what a connection carries by its first bytes. ICE begins with the length of a frame (RFC 4571, section
// 2), which is small, and a STUN Binding request; TURN with a request that is in no frame, so that STUN's cookie stands two
// bytes before where it does in ICE; HTTP with a method's capital letter, TLS with 0x16.
func classify(b []byte) protocol {
	switch {
	case len(b) == 0:
		return undecided
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

// stunType is the type of a STUN message, or notSTUN.
func stunType(b []byte) uint16 {
	if len(b) < stunHeader || b[0] > 3 || binary.BigEndian.Uint32(b[4:]) != stunCookie {
		return notSTUN
	}
	return binary.BigEndian.Uint16(b)
}

// localFragment returns the username fragment of ours that a Binding request is for: it stands before the colon
// (RFC 8445, section 7.2.2). Empty if the message is not whole or names none.
func localFragment(m []byte) string {
	if len(m) < stunHeader || int(binary.BigEndian.Uint16(m[2:])) != len(m)-stunHeader {
		return ""
	}
	for rest := m[stunHeader:]; len(rest) >= 4; {
		name, length := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		padded := (length + 3) &^ 3
		if rest = rest[4:]; padded > len(rest) {
			return ""
		}
		if name != stunUsername {
			rest = rest[padded:]
			continue
		}
		for i, c := range rest[:length] {
			if c == ':' {
				return string(rest[:i])
			}
		}
		return ""
	}
	return ""
}

package peer

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Limits of a client's description. They apply to the parsed description, because a limit on the lines of the text could
// disagree with the parser about what ends a line.
const (
	// maxSections bounds the media sections of a connection. When a client exceeds it, the Transport fails and the client
	// reconnects.
	maxSections = 1000
	// maxSectionLines bounds the attributes of each media section and of the session. Browsers write about 200.
	maxSectionLines = 1000
	// maxCandidates bounds the candidates of a client that are used between two ICE restarts. Each candidate makes the
	// server send packets to an address that the client chooses. The server does not depend on candidates: it answers checks
	// from any address.
	maxCandidates = 32
	// maxCandidate bounds the length of a candidate in bytes. Browsers write about 200.
	maxCandidate = 2048
	// restartInterval is the minimum time between two ICE restarts that allow the client to add further candidates. A
	// restart that comes earlier does not allow it.
	restartInterval = time.Second
)

var (
	errTooManySections   = errors.New("peer: too many media sections")
	errTooManyAttributes = errors.New("peer: too many attributes in the session or a media section")
)

// limitDescription returns an error if a client's description exceeds the limits. d and parsed are two forms of the same
// description. From both forms, limitDescription removes the candidates that must not be used.
func (t *Transport) limitDescription(d *webrtc.SessionDescription, parsed *sdp.SessionDescription) error {
	if len(parsed.MediaDescriptions) > maxSections {
		return errTooManySections
	}
	lists := []*[]sdp.Attribute{&parsed.Attributes}
	for _, m := range parsed.MediaDescriptions {
		lists = append(lists, &m.Attributes)
	}
	for _, list := range lists {
		if len(*list) > maxSectionLines {
			return errTooManyAttributes
		}
	}
	t.detectICERestart(parsed)
	removed := false
	for _, list := range lists {
		before := len(*list)
		*list = slices.DeleteFunc(*list, func(a sdp.Attribute) bool {
			return a.Key == sdp.AttrKeyCandidate && !t.acceptsCandidate(a.Value)
		})
		removed = removed || len(*list) < before
	}
	if !removed {
		return nil
	}
	text, err := parsed.Marshal()
	d.SDP = string(text)
	return err
}

// detectICERestart clears remoteCandidates if the client restarts ICE, so the client may add further candidates. An ICE
// restart changes the username fragment. Pion uses the username fragment of the session. If the session has none, Pion uses
// that of the section that bundleSection returns.
func (t *Transport) detectICERestart(parsed *sdp.SessionDescription) {
	ufrag, _ := parsed.Attribute("ice-ufrag")
	if m := bundleSection(parsed); ufrag == "" && m != nil {
		ufrag, _ = m.Attribute("ice-ufrag")
	}
	if now := time.Now(); ufrag != t.remoteUfrag && now.Sub(t.restarted) >= restartInterval {
		t.remoteUfrag, t.restarted = ufrag, now
		clear(t.remoteCandidates)
	}
}

// bundleSection returns the section whose transport the bundled sections share (RFC 9143, section 7). Without bundled
// sections it returns the first section, or nil if there are no sections.
func bundleSection(parsed *sdp.SessionDescription) *sdp.MediaDescription {
	group, _ := parsed.Attribute(sdp.AttrKeyGroup)
	if mids := strings.Fields(group); len(mids) > 1 && mids[0] == "BUNDLE" {
		for _, m := range parsed.MediaDescriptions {
			if mid, _ := m.Attribute(sdp.AttrKeyMID); mid == mids[1] {
				return m
			}
		}
	}
	if len(parsed.MediaDescriptions) == 0 {
		return nil
	}
	return parsed.MediaDescriptions[0]
}

// acceptsCandidate reports whether to use a candidate of the client. candidate is in SDP syntax without "candidate:". If it
// is accepted, it is added to remoteCandidates.
func (t *Transport) acceptsCandidate(candidate string) bool {
	if len(candidate) > maxCandidate {
		return false
	}
	if t.remoteCandidates[candidate] {
		return true // browsers repeat candidates in each section
	}
	c, err := ice.UnmarshalCandidate(candidate)
	if err != nil || len(t.remoteCandidates) >= maxCandidates {
		return false
	}
	if t.tcpOnly && c.NetworkType().IsUDP() || !t.acceptsAddress(c.Address()) {
		return false
	}
	t.remoteCandidates[candidate] = true
	return true
}

// acceptsAddress reports whether the server may send to an address that a client has chosen. It may send to global unicast
// addresses and, if loopback is set, to loopback addresses. Host names are refused, because the server does not resolve
// them.
func (t *Transport) acceptsAddress(address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	return a.IsGlobalUnicast() || a.IsLoopback() && t.loopback
}

// candidateText returns a trickled candidate without the prefix "candidate:", as acceptsCandidate requires it.
func candidateText(c webrtc.ICECandidateInit) string {
	return strings.TrimPrefix(c.Candidate, "candidate:")
}

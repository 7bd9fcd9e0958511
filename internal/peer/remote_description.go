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

// Bounds of a client's description. They apply to the parsed description: a bound on the lines of the text could disagree
// with the parser on what ends a line.
const (
	// maxSections bounds the media sections of a connection. A client that exceeds it reconnects.
	maxSections = 1000
	// maxSectionLines bounds the attributes of a media section, and of the session; browsers write up to some 200.
	maxSectionLines = 1000
	// maxCandidates bounds the client's candidates that are used between two ICE restarts. None is vital: we answer
	// wherever the client reaches us from. Each may make us send to an address that the client names.
	maxCandidates = 32
	// maxCandidate bounds a candidate in bytes; honest ones have some 200.
	maxCandidate = 2048
	// restartInterval is the least time between two ICE restarts after which a client may name further candidates.
	restartInterval = time.Second
)

var (
	errSections   = errors.New("peer: the connection has too many sections")
	errAttributes = errors.New("peer: a section of the description has too many attributes")
)

// boundRemote returns an error if a client's description is larger than one may be, and removes the candidates from it
// that are not used. It changes parsed and d.
func (t *Transport) boundRemote(d *webrtc.SessionDescription, parsed *sdp.SessionDescription) error {
	if len(parsed.MediaDescriptions) > maxSections {
		return errSections
	}
	lists := []*[]sdp.Attribute{&parsed.Attributes}
	for _, m := range parsed.MediaDescriptions {
		lists = append(lists, &m.Attributes)
	}
	for _, list := range lists {
		if len(*list) > maxSectionLines {
			return errAttributes
		}
	}
	t.noteRestart(parsed)
	removed := false
	for _, list := range lists {
		before := len(*list)
		*list = slices.DeleteFunc(*list, func(a sdp.Attribute) bool {
			return a.Key == sdp.AttrKeyCandidate && !t.uses(a.Value)
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

// noteRestart lets a client name further candidates when it restarts ICE, that is when the username fragment changes
// which pion uses: that of the session, else that of the first section of the bundle, else that of the first section.
func (t *Transport) noteRestart(parsed *sdp.SessionDescription) {
	ufrag, _ := parsed.Attribute("ice-ufrag")
	if m := bundleSection(parsed); ufrag == "" && m != nil {
		ufrag, _ = m.Attribute("ice-ufrag")
	}
	if now := time.Now(); ufrag != t.remoteUfrag && now.Sub(t.restarted) >= restartInterval {
		t.remoteUfrag, t.restarted = ufrag, now
		clear(t.remoteCandidates)
	}
}

// bundleSection returns the section whose transport the others share (RFC 9143, section 7), nil if there are no sections.
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

// uses reports whether to use a candidate of the client, as spelled in SDP.
func (t *Transport) uses(candidate string) bool {
	if len(candidate) > maxCandidate {
		return false
	}
	if t.remoteCandidates[candidate] {
		return true // browsers repeat them in each section
	}
	c, err := ice.UnmarshalCandidate(candidate)
	if err != nil || len(t.remoteCandidates) >= maxCandidates {
		return false
	}
	if t.tcpOnly && c.NetworkType().IsUDP() || !t.reaches(c.Address()) {
		return false
	}
	t.remoteCandidates[candidate] = true
	return true
}

// reaches reports whether we may send to an address that a client names. Host names are refused: we look none up.
func (t *Transport) reaches(address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	return a.IsGlobalUnicast() || a.IsLoopback() && t.loopback
}

// candidateText returns a trickled candidate as spelled in SDP.
func candidateText(c webrtc.ICECandidateInit) string {
	return strings.TrimPrefix(c.Candidate, "candidate:")
}

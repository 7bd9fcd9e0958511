package peer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// offerHead is the session part of an offer.
const offerHead = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

// offerSection returns a media section with the given mid and attribute lines.
func offerSection(mid int, attributes ...string) string {
	return fmt.Sprintf("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:%d\r\na=ice-ufrag:one\r\n", mid) +
		strings.Join(append(attributes, ""), "\r\n")
}

// limited parses text as a client's offer, applies limitDescription, and returns the resulting SDP.
func limited(t *Transport, text string) (string, error) {
	d := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}
	parsed := &sdp.SessionDescription{}
	if err := parsed.UnmarshalString(text); err != nil {
		return "", err
	}
	err := t.limitDescription(&d, parsed)
	return d.SDP, err
}

// The SDP parser skips a bare carriage return before a line. The limits must count such lines too.
func TestSDPWithTooManySectionsOrAttributesIsRefused(t *testing.T) {
	sections := func(n int) string {
		var b strings.Builder
		b.WriteString(offerHead)
		for mid := range n {
			b.WriteString(offerSection(mid))
		}
		return b.String()
	}
	bare := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\r\n\r") }
	attributes := offerHead + offerSection(0, strings.TrimSuffix(strings.Repeat("a=x:y\r\n", maxSectionLines), "\r\n"))
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"maximum of sections":                        {sections(maxSections), nil},
		"too many sections":                          {sections(maxSections + 1), errTooManySections},
		"too many sections, bare carriage returns":   {bare(sections(7001)), errTooManySections},
		"too many attributes":                        {attributes, errTooManyAttributes},
		"too many attributes, bare carriage returns": {bare(attributes), errTooManyAttributes},
	} {
		if _, err := limited(&Transport{remoteCandidates: map[string]bool{}}, tc.text); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// Special addresses are loopback, link-local, multicast, broadcast and unspecified addresses.
func TestExcessICECandidatesAndSpecialAddressesAreRefused(t *testing.T) {
	candidate := func(address string) string {
		return "1 1 udp 2130706431 " + address + " 40000 typ host"
	}
	for address, want := range map[string]bool{
		"192.0.2.1": true, "10.0.0.7": true, "2001:db8::1": true, "fd00::1": true,
		"127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "169.254.169.254": false, "fe80::1": false,
		"224.0.0.1": false, "ff02::1": false, "0.0.0.0": false, "255.255.255.255": false, "::": false,
		"metadata.internal": false, "3a1f.local": false,
	} {
		remote := &Transport{remoteCandidates: map[string]bool{}}
		if got := remote.acceptsCandidate(candidate(address)); got != want {
			t.Errorf("acceptsCandidate for %s returned %v", address, got)
		}
	}
	if here := (&Transport{loopback: true, remoteCandidates: map[string]bool{}}); !here.acceptsCandidate(candidate("127.0.0.1")) {
		t.Error("a loopback candidate of a client on this machine is refused")
	}

	tr := &Transport{remoteCandidates: map[string]bool{}}
	var lines []string
	for i := range 15_000 {
		lines = append(lines, "a=candidate:"+candidate(fmt.Sprintf("192.0.%d.%d", i/256%256, i%256)))
	}
	first := offerHead + offerSection(0, lines[:500]...) + offerSection(1, lines[:500]...)
	kept, err := limited(tr, first)
	if n := strings.Count(kept, "a=candidate:"); err != nil || n != 2*maxCandidates {
		t.Errorf("%d candidates remain in two sections, %v", n, err)
	}
	if tr.acceptsCandidate(candidate("198.51.100.1")) {
		t.Error("a candidate beyond maxCandidates is accepted")
	}
	again := strings.ReplaceAll(offerHead+offerSection(0), "ufrag:one", "ufrag:two")
	if _, err := limited(tr, again); err != nil || tr.acceptsCandidate(candidate("198.51.100.1")) {
		t.Errorf("accepted after a second ICE restart within restartInterval: %v", err)
	}
	tr.restarted = time.Now().Add(-restartInterval)
	if _, err := limited(tr, "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:one\r\n"+offerSection(0)); err != nil || tr.acceptsCandidate(candidate("198.51.100.1")) {
		t.Errorf("accepted though the session's username fragment is unchanged: %v", err)
	}
	if tr.acceptsCandidate(candidate("198.51.100.1") + strings.Repeat(" generation 0", maxCandidate)) {
		t.Error("a candidate longer than maxCandidate is accepted")
	}
	if _, err := limited(tr, again); err != nil || !tr.acceptsCandidate(candidate("198.51.100.1")) {
		t.Errorf("refused after an ICE restart: %v", err)
	}
}

func FuzzRemoteDescriptionLimits(f *testing.F) {
	f.Add(offerHead + offerSection(0, "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"))
	f.Fuzz(func(t *testing.T, text string) {
		tr := &Transport{remoteCandidates: map[string]bool{}}
		kept, err := limited(tr, text)
		if err != nil {
			return
		}
		parsed := &sdp.SessionDescription{}
		if err := parsed.UnmarshalString(kept); err != nil {
			t.Fatalf("%q became %q: %v", text, kept, err)
		}
		if len(parsed.MediaDescriptions) > maxSections || len(tr.remoteCandidates) > maxCandidates {
			t.Errorf("%d sections, %d candidates", len(parsed.MediaDescriptions), len(tr.remoteCandidates))
		}
	})
}

package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEarlyOrRepeatedConnectionFailureMovesClientToTCP(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ada := ClientKey{"room", "ada"}
	after := func(d time.Duration) time.Time { return start.Add(d) }

	f := NewTCPFallback()
	if f.RecordFailure(ada, 2*time.Minute, start) {
		t.Error("moved to TCP after one failure of a long connection")
	}
	if f.RecordFailure(ada, 2*time.Minute, after(2*time.Minute)) {
		t.Error("moved to TCP after two failures far apart")
	}
	if !f.RecordFailure(ada, 2*time.Minute, after(2*time.Minute+50*time.Second)) || !f.TCPOnly(ada, after(3*time.Minute)) {
		t.Error("not moved to TCP after two failures within a minute")
	}
	if f.TCPOnly(ClientKey{"room", "bo"}, start) {
		t.Error("moved to TCP without a failure")
	}
	if f.TCPOnly(ada, after(time.Hour)) {
		t.Error("the preference does not expire")
	}
	f.SetTCPOnly(ada, false, start)
	if !f.RecordFailure(ada, 89*time.Second, start) {
		t.Error("not moved to TCP after an early failure")
	}
	for i := range 2 * maxClients {
		f.SetTCPOnly(ClientKey{"room", fmt.Sprint(i)}, true, after(time.Duration(i)*time.Millisecond))
	}
	if len(f.clients) != maxClients || f.TCPOnly(ClientKey{"room", "0"}, start) || !f.TCPOnly(ClientKey{"room", fmt.Sprint(2*maxClients - 1)}, after(time.Minute)) {
		t.Errorf("%d clients are stored, or not the latest", len(f.clients))
	}
}

// bothProtocols is SDP with a UDP candidate and a TCP candidate.
const bothProtocols = "v=0\r\na=candidate:1 1 udp 2130706431 192.0.2.1 7880 typ host\r\na=candidate:2 1 tcp 1671430143 192.0.2.1 7880 typ host tcptype passive\r\na=mid:0\r\n"

func TestWithoutUDPRemovesUDPCandidatesUnlessAllAreUDP(t *testing.T) {
	if got := withoutUDP(bothProtocols); strings.Contains(got, "udp") || !strings.Contains(got, "passive") || !strings.Contains(got, "a=mid:0") {
		t.Errorf("%q", got)
	}
	alone := strings.Join(strings.SplitAfter(bothProtocols, "\n")[:2], "")
	if got := withoutUDP(alone); got != alone {
		t.Errorf("changed a description with only UDP candidates: %q", got)
	}
}

func FuzzUDPCandidateRemoval(f *testing.F) {
	f.Add(bothProtocols)
	f.Fuzz(func(t *testing.T, s string) {
		got := withoutUDP(s)
		if len(got) > len(s) || withoutUDP(got) != got {
			t.Errorf("%q of %q", got, s)
		}
	})
}

package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEarlyOrRepeatedConnectionFailureMovesClientToTheNextPath(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ada := ClientKey{"room", "ada"}
	after := func(d time.Duration) time.Time { return start.Add(d) }

	f := NewPathFallback()
	if f.RecordFailure(ada, TCPOnly, 2*time.Minute, start) {
		t.Error("moved to TCP after one failure of a long connection")
	}
	if f.RecordFailure(ada, TCPOnly, 2*time.Minute, after(2*time.Minute)) {
		t.Error("moved to TCP after two failures far apart")
	}
	if !f.RecordFailure(ada, TCPOnly, 2*time.Minute, after(2*time.Minute+50*time.Second)) || f.Path(ada, after(3*time.Minute)) != TCPOnly {
		t.Error("not moved to TCP after two failures within a minute")
	}
	if !f.RecordFailure(ada, RelayOnly, time.Second, after(3*time.Minute)) || f.Path(ada, after(4*time.Minute)) != RelayOnly {
		t.Error("not moved to a relay after TCP has failed")
	}
	if f.Path(ClientKey{"room", "bo"}, start) != AnyPath {
		t.Error("moved to TCP without a failure")
	}
	if f.Path(ada, after(time.Hour)) != AnyPath {
		t.Error("the preference does not expire")
	}
	f.SetPath(ada, AnyPath, start)
	if !f.RecordFailure(ada, TCPOnly, 89*time.Second, start) {
		t.Error("not moved to TCP after an early failure")
	}
	for i := range 2 * maxClients {
		f.SetPath(ClientKey{"room", fmt.Sprint(i)}, TCPOnly, after(time.Duration(i)*time.Millisecond))
	}
	if len(f.clients) != maxClients || f.Path(ClientKey{"room", "0"}, start) != AnyPath || f.Path(ClientKey{"room", fmt.Sprint(2*maxClients - 1)}, after(time.Minute)) != TCPOnly {
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

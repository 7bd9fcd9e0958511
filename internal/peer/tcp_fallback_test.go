package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestUDPIsGivenUpAfterAnEarlyOrRepeatedFailure(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ada := ClientKey{"room", "ada"}
	after := func(d time.Duration) time.Time { return begin.Add(d) }

	f := NewTCPFallback()
	if f.RecordFailure(ada, 2*time.Minute, begin) {
		t.Error("one failure of a connection that held long")
	}
	if f.RecordFailure(ada, 2*time.Minute, after(2*time.Minute)) {
		t.Error("a second one long after it")
	}
	if !f.RecordFailure(ada, 2*time.Minute, after(2*time.Minute+50*time.Second)) || !f.TCPOnly(ada, after(3*time.Minute)) {
		t.Error("two within a minute are not taken for UDP's fault")
	}
	if f.TCPOnly(ClientKey{"room", "bo"}, begin) {
		t.Error("bo has not failed")
	}
	if f.TCPOnly(ada, after(time.Hour)) {
		t.Error("the choice holds for ever")
	}
	f.SetTCPOnly(ada, false, begin)
	if !f.RecordFailure(ada, 89*time.Second, begin) {
		t.Error("a connection that failed soon is not taken for UDP's fault")
	}
	for i := range 2 * maxClients {
		f.SetTCPOnly(ClientKey{"room", fmt.Sprint(i)}, true, after(time.Duration(i)*time.Millisecond))
	}
	if len(f.clients) != maxClients || f.TCPOnly(ClientKey{"room", "0"}, begin) || !f.TCPOnly(ClientKey{"room", fmt.Sprint(2*maxClients - 1)}, after(time.Minute)) {
		t.Errorf("%d clients are remembered, or not the latest", len(f.clients))
	}
}

const bothProtocols = "v=0\r\na=candidate:1 1 udp 2130706431 192.0.2.1 7880 typ host\r\na=candidate:2 1 tcp 1671430143 192.0.2.1 7880 typ host tcptype passive\r\na=mid:0\r\n"

func TestWithoutUDPRemovesUDPCandidatesIfOthersRemain(t *testing.T) {
	if got := withoutUDP(bothProtocols); strings.Contains(got, "udp") || !strings.Contains(got, "passive") || !strings.Contains(got, "a=mid:0") {
		t.Errorf("%q", got)
	}
	alone := strings.Join(strings.SplitAfter(bothProtocols, "\n")[:2], "")
	if got := withoutUDP(alone); got != alone {
		t.Errorf("nothing is left: %q", got)
	}
}

func FuzzWithoutUDP(f *testing.F) {
	f.Add(bothProtocols)
	f.Fuzz(func(t *testing.T, s string) {
		got := withoutUDP(s)
		if len(got) > len(s) || withoutUDP(got) != got {
			t.Errorf("%q of %q", got, s)
		}
	})
}

package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/internal/config"
	"meet/test/harness"
)

// candidates returns the server's candidates in the first description that g has received, as lines of SDP.
func (g *testClient) candidates() (all []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.messages {
		for _, d := range []*livekit.SessionDescription{m.GetAnswer(), m.GetOffer()} {
			for line := range strings.Lines(d.GetSdp()) {
				if strings.HasPrefix(line, "a=candidate:") {
					all = append(all, strings.TrimSpace(line))
				}
			}
			if len(all) > 0 {
				return all
			}
		}
	}
	return nil
}

// The public address is one candidate for each protocol, with a lower priority than the address of this machine.
func TestPublicAddressIsOfferedOnceBesidesThoseOfThisMachine(t *testing.T) {
	s := newServer(t, func(c *config.Config) { c.Listen, c.NodeIP = "127.0.0.1:0", "203.0.113.9" })
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada := s.join(ctx, "ada", client.Options{SinglePC: true, ClientInfo: browser, HostOnly: true})
	harness.Eventually(ctx, t, "a description arrives", func() bool { return len(ada.candidates()) > 0 })
	priorities := map[string]string{} // by protocol and address
	for _, line := range ada.candidates() {
		fields := strings.Fields(line)
		if fields[1] != "1" { // the component; RTCP is multiplexed
			continue
		}
		key := fields[2] + " " + fields[4]
		if old, ok := priorities[key]; ok && old != fields[3] {
			t.Errorf("%s has the priorities %s and %s", key, old, fields[3])
		}
		priorities[key] = fields[3]
	}
	if len(priorities) != 4 {
		t.Fatalf("%d candidates: %v", len(priorities), priorities)
	}
	for _, protocol := range []string{"udp", "tcp"} {
		own, public := priorities[protocol+" 127.0.0.1"], priorities[protocol+" 203.0.113.9"]
		if own <= public || public == "" { // both have ten digits
			t.Errorf("%s: the priority of 127.0.0.1 is %q, that of 203.0.113.9 is %q", protocol, own, public)
		}
	}
}

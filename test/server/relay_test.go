package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/internal/config"
	"meet/test/harness"
)

// relayTransports are the transports by which a client reaches its relay.
var relayTransports = []string{client.RelayUDP, client.RelayTCP, client.RelayTLS}

// secure makes the server terminate TLS.
func secure(c *config.Config) { c.TLSCert, c.TLSKey = tlsCertificate, tlsKey }

// usesRelay reports whether all connections of g have selected a relay as their local candidate.
func (g *testClient) usesRelay() bool {
	pairs := g.CandidatePairs()
	return len(pairs) > 0 && !slices.ContainsFunc(pairs, func(p *webrtc.ICECandidatePair) bool { return p.Local.Typ != webrtc.ICECandidateTypeRelay })
}

// A client that can use only a relay exchanges media and data with a client that connects directly.
func TestClientUsesRelay(t *testing.T) {
	for _, transport := range relayTransports {
		t.Run(transport, func(t *testing.T) {
			inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
				ada := s.join(ctx, "ada", o)
				relayed := o
				relayed.Relay = transport
				bo := s.join(ctx, "bo", relayed)
				mic, cam := ada.publishBoth(ctx)
				theirMic, theirCam := bo.publishBoth(ctx)
				harness.Eventually(ctx, t, "media arrives in both directions", func() bool {
					return bo.receives(mic.SID(), 20) && bo.receives(cam.SID(), 20) && ada.receives(theirMic.SID(), 20) && ada.receives(theirCam.SID(), 20)
				})
				if err := bo.PublishData(ctx, livekit.DataPacket_RELIABLE, userPacket("through a relay")); err != nil {
					t.Fatal(err)
				}
				harness.Eventually(ctx, t, "data arrives", func() bool { return len(ada.dataPackets()) == 1 })
				if !bo.usesRelay() {
					t.Error("bo uses no relay")
				}
			}, secure)
		})
	}
}

// The credentials work after an ICE restart too, because the participant is still present.
func TestRelayedClientResumes(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		o.Relay = client.RelayTCP
		bo := s.join(ctx, "bo", o)
		mic, _ := bo.publishBoth(ctx)
		harness.Eventually(ctx, t, "ada hears bo", func() bool { return ada.receives(mic.SID(), 20) })
		if err := bo.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		before := ada.packetCount(mic.SID())
		harness.Eventually(ctx, t, "ada hears bo again", func() bool { return ada.packetCount(mic.SID()) > before+20 })
		if !bo.usesRelay() {
			t.Error("bo uses no relay")
		}
	}, secure)
}

// iceServers returns the URLs in the latest join response, and whether it forces a relay.
func (g *testClient) iceServers() (urls []string, forced bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.messages {
		if j := m.GetJoin(); j != nil {
			urls, forced = nil, j.ClientConfiguration.GetForceRelay() == livekit.ClientConfigSetting_ENABLED
			for _, s := range j.IceServers {
				urls = append(urls, s.Urls...)
			}
		}
	}
	return urls, forced
}

// The client is asked to rejoin, and the join response then contains only the relay that passes most firewalls.
func TestSimulatedTLSForcesRelay(t *testing.T) {
	for name, change := range map[string]func(*config.Config){"with TLS": secure, "without TLS": func(*config.Config) {}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, change)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			ada := s.join(ctx, "ada", client.Options{})
			all, forced := ada.iceServers()
			if forced || !strings.HasPrefix(all[0], "turn:127.0.0.1:") || !strings.HasSuffix(all[0], "?transport=udp") {
				t.Errorf("the servers are %q, forced: %v", all, forced)
			}
			ada.simulate(&livekit.SimulateScenario{Scenario: &livekit.SimulateScenario_SwitchCandidateProtocol{SwitchCandidateProtocol: livekit.CandidateProtocol_TLS}})
			harness.Eventually(ctx, t, "ada is asked to rejoin", func() bool {
				return slices.ContainsFunc(ada.leaveRequests(), func(l *livekit.LeaveRequest) bool { return l.Action == livekit.LeaveRequest_RECONNECT })
			})
			again := s.join(ctx, "ada", client.Options{})
			if urls, forced := again.iceServers(); !forced || !slices.Equal(urls, all[len(all)-1:]) {
				t.Errorf("the servers are %q, forced: %v, want the last of %q", urls, forced, all)
			}
			if !again.usesRelay() {
				t.Error("ada uses no relay")
			}
			again.simulate(&livekit.SimulateScenario{Scenario: &livekit.SimulateScenario_SwitchCandidateProtocol{SwitchCandidateProtocol: livekit.CandidateProtocol_UDP}})
			harness.Eventually(ctx, t, "ada is asked to rejoin again", func() bool { return len(again.leaveRequests()) > 0 })
			if _, forced := s.join(ctx, "ada", client.Options{}).iceServers(); forced {
				t.Error("a relay is still forced")
			}
		})
	}
}

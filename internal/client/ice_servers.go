package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// Transports of Options.Relay.
const (
	RelayUDP = "udp"
	RelayTCP = "tcp"
	RelayTLS = "tls"
)

// setICEServers configures the server's STUN and TURN servers. It must be called before candidates are gathered. It fails if
// Options.Relay is set and the server has no such TURN server. ForceRelay in the configuration has no effect with
// Options.SinglePC.
func (c *Client) setICEServers(servers []*livekit.ICEServer, config *livekit.ClientConfiguration) error {
	if c.opts.HostOnly {
		return nil
	}
	conf := webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle}
	if c.opts.Relay != "" || config.GetForceRelay() == livekit.ClientConfigSetting_ENABLED {
		conf.ICETransportPolicy = webrtc.ICETransportPolicyRelay
	}
	for _, s := range servers {
		urls := slices.DeleteFunc(slices.Clone(s.Urls), func(url string) bool { return !matchesRelay(url, c.opts.Relay) })
		if len(urls) > 0 {
			conf.ICEServers = append(conf.ICEServers, webrtc.ICEServer{URLs: urls, Username: s.Username, Credential: s.Credential})
		}
	}
	if c.opts.Relay != "" && len(conf.ICEServers) == 0 {
		return fmt.Errorf("the server offers no TURN server over %s", c.opts.Relay)
	}
	for _, t := range c.transports() {
		if err := t.pc.SetConfiguration(conf); err != nil {
			return fmt.Errorf("use the server's ICE servers: %w", err)
		}
	}
	return nil
}

// CandidatePairs returns the ICE candidate pairs in use, one for each connected transport.
func (c *Client) CandidatePairs() []*webrtc.ICECandidatePair {
	var pairs []*webrtc.ICECandidatePair
	for _, t := range c.transports() {
		if pair, err := t.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair(); err == nil && pair != nil {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// matchesRelay reports whether the URL of a STUN or TURN server (RFC 7064, RFC 7065) belongs to a transport of
// Options.Relay.
func matchesRelay(url, relay string) bool {
	secure := strings.HasPrefix(url, "turns:")
	switch relay {
	case "":
		return true
	case RelayTLS:
		return secure
	}
	return !secure && strings.HasPrefix(url, "turn:") && strings.HasSuffix(url, "?transport="+relay)
}

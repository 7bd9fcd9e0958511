package app

import (
	"crypto/rand"

	"github.com/livekit/protocol/livekit"

	"meet/internal/assets"
	"meet/internal/site"
)

// Version is Meet's own.
const Version = "0.1.0"

// serverInfo is what clients are told about this server. They switch features by its version, so it names the LiveKit
// server whose behaviour ours is measured against; livekit-client refuses a server without one.
func serverInfo() *livekit.ServerInfo {
	return &livekit.ServerInfo{
		Edition: livekit.ServerInfo_Standard, Version: "1.13.5", Protocol: 17, AgentProtocol: 1, NodeId: "ND_" + rand.Text()[:12],
	}
}

// Shells draws the pages' shells for a published build of the front end.
func Shells(m *assets.Manifest) (map[string][]byte, error) { return site.Shells(m) }

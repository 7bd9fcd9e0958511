package app

import (
	"crypto/rand"

	"github.com/livekit/protocol/livekit"
)

// Version is Meet's own.
const Version = "0.2.0"

// serverInfo is what clients are told about this server. They switch features by its version, so it names the LiveKit
// server whose behaviour ours is measured against; livekit-client refuses a server without one.
func serverInfo() *livekit.ServerInfo {
	return &livekit.ServerInfo{
		Edition: livekit.ServerInfo_Standard, Version: "1.13.5", Protocol: 17, AgentProtocol: 1, NodeId: "ND_" + rand.Text()[:12],
	}
}

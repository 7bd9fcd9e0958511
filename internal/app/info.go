package app

import (
	"crypto/rand"

	"github.com/livekit/protocol/livekit"
)

// Version is the version of Meet.
const Version = "0.2.0"

// serverInfo returns the information about this server that clients receive. Clients enable features by the version, so
// it is the version of the LiveKit server whose behaviour this server reproduces. livekit-client refuses a server
// without a version.
func serverInfo() *livekit.ServerInfo {
	return &livekit.ServerInfo{
		Edition: livekit.ServerInfo_Standard, Version: "1.13.5", Protocol: 17, AgentProtocol: 1, NodeId: "ND_" + rand.Text()[:12],
	}
}

//go:build gosdk_2_16

package gosdk

import lksdk "github.com/livekit/server-sdk-go/v2"

// connectModes are the connection modes of this SDK version, which always uses two peer connections.
var connectModes = map[string][]lksdk.ConnectOption{"two peer connections": nil}

const (
	canUnpublish    = false // the SDK fails: it uses the wrong peer connection
	updatesRoomName = false // after a move, the SDK keeps the old name
)

//go:build gosdk_2_16

package gosdk

import lksdk "github.com/livekit/server-sdk-go/v2"

// connectModes are the ways this version of the SDK can connect: it knows two peer connections only.
var connectModes = map[string][]lksdk.ConnectOption{"two peer connections": nil}

const (
	canUnpublish    = false // it fails by itself, on the wrong peer connection
	updatesRoomName = false // after a move it goes by the old name
)

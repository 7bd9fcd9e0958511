//go:build !gosdk_2_16

package gosdk

import lksdk "github.com/livekit/server-sdk-go/v2"

// connectModes are the connection modes of this SDK version.
var connectModes = map[string][]lksdk.ConnectOption{
	"two peer connections": nil,
	"one peer connection":  {lksdk.WithSinglePeerConnection()},
}

const (
	canUnpublish    = true // the SDK can unpublish tracks
	updatesRoomName = true // after a move, the SDK knows the new room's name
)

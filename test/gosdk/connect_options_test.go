//go:build !gosdk_2_16

package gosdk

import lksdk "github.com/livekit/server-sdk-go/v2"

// connectModes are the ways this version of the SDK can connect.
var connectModes = map[string][]lksdk.ConnectOption{
	"two peer connections": nil,
	"one peer connection":  {lksdk.WithSinglePeerConnection()},
}

const (
	canUnpublish    = true // it takes a track back
	updatesRoomName = true // after a move
)

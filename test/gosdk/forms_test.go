//go:build !gosdk_2_16

package gosdk

import lksdk "github.com/livekit/server-sdk-go/v2"

// forms are the ways this version of the SDK can connect.
var forms = map[string][]lksdk.ConnectOption{
	"two peer connections": nil,
	"one peer connection":  {lksdk.WithSinglePeerConnection()},
}

const (
	unpublishes  = true // it takes a track back
	knowsItsRoom = true // after a move
)

//go:build gosdk_2_16

package gosdk

import lksdk "github.com/livekit/server-sdk-go/v2"

// forms are the ways this version of the SDK can connect: it knows two peer connections only.
var forms = map[string][]lksdk.ConnectOption{"two peer connections": nil}

const (
	unpublishes  = false // it fails by itself, on the wrong peer connection
	knowsItsRoom = false // after a move it goes by the old name
)

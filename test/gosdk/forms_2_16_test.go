//go:build gosdk_2_16

package gosdk

import lksdk "github.com/livekit/server-sdk-go/v2"

// forms are the ways this version of the SDK can connect: it knows two peer connections only.
var forms = map[string][]lksdk.ConnectOption{"two peer connections": nil}

// unpublishes tells whether this version takes a track back: it fails by itself, on the wrong peer connection.
const unpublishes = false

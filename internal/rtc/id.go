package rtc

import (
	"crypto/rand"

	"github.com/livekit/protocol/livekit"
)

// Prefixes of the IDs that the server assigns. Clients check PA_ and TR_ (docs/protocol.md, 0.2).
const (
	roomPrefix        = "RM_"
	participantPrefix = "PA_"
	trackPrefix       = "TR_"
	dataTrackPrefix   = "DTR_"
)

// idAlphabet holds the 62 characters of IDs. newID draws them with equal probability: it discards random bytes beyond
// the last multiple of 62.
const idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID returns prefix followed by 12 random alphanumeric characters (71 bits).
func newID(prefix string) string {
	const length = 12
	id := []byte(prefix)
	var raw [2 * length]byte
	for len(id) < len(prefix)+length {
		_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
		for _, b := range raw {
			if int(b) < 256/len(idAlphabet)*len(idAlphabet) && len(id) < len(prefix)+length {
				id = append(id, idAlphabet[int(b)%len(idAlphabet)])
			}
		}
	}
	return string(id)
}

// newTrackID returns a random ID. Its prefix shows the track's kind and source to readers of logs.
func newTrackID(kind livekit.TrackType, source livekit.TrackSource) string {
	k := "V"
	if kind == livekit.TrackType_AUDIO {
		k = "A"
	}
	s := map[livekit.TrackSource]string{
		livekit.TrackSource_CAMERA:             "C",
		livekit.TrackSource_MICROPHONE:         "M",
		livekit.TrackSource_SCREEN_SHARE:       "S",
		livekit.TrackSource_SCREEN_SHARE_AUDIO: "s",
	}[source]
	return newID(trackPrefix + k + s)
}

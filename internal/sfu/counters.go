package sfu

import "sync/atomic"

// Counters count what is rare on the media path, since the start, for all tracks that share them.
type Counters struct {
	// Towards publishers: packets asked for again, and key frames.
	Missed, KeyFramesAsked atomic.Uint64
	// From subscribers: packets asked for again, those of them that were sent again, and key frames wanted.
	NACKed, Resent, KeyFramesWanted atomic.Uint64
}

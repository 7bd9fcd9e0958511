package metrics

import (
	"context"
	"time"
)

// Sources are what is asked on each scrape. All are required.
type Sources struct {
	Media    func(context.Context) Media
	Socket   func() Socket
	Relays   func() int
	Webhooks func(context.Context) Webhooks
}

// Media is what goes on in rooms. The first part is of the moment, the rest since the start.
type Media struct {
	Rooms, Participants, Publishers        int
	AudioTracks, VideoTracks, DataTracks   int
	AudioSubscriptions, VideoSubscriptions int
	PausedPictures                         int
	Waiting                                int             // things that rooms' loops have yet to do
	RoundTrips                             []time.Duration // to each subscriber of pictures that tells

	Missed, KeyFramesAsked          uint64 // towards publishers
	NACKed, Resent, KeyFramesWanted uint64 // from subscribers
}

// Socket is what went through the UDP socket since the start.
type Socket struct {
	PacketsIn, BytesIn, CallsIn    uint64
	PacketsOut, BytesOut, CallsOut uint64
	Dropped                        uint64
}

// Webhooks are events for other servers.
type Webhooks struct {
	Pending int // deliveries that receivers have yet to take
	Aside   int // events that were put aside because a receiver never took them
}

package metrics

import "context"

// Sources are what is asked on each scrape. All are required.
type Sources struct {
	Media             func(context.Context) Media
	SignalConnections func() int // connections of signalling
	Agents            func() Agents
	Socket            func() Socket
	Relays            func() int
	Webhooks          func(context.Context) Webhooks
}

// Media is what goes on in rooms. The first part is of the moment, the rest since the start.
type Media struct {
	Rooms, Participants, Publishers        int
	AudioTracks, VideoTracks, DataTracks   int
	AudioSubscriptions, VideoSubscriptions int
	PausedVideos                           int
	Waiting                                int // things that rooms' loops have yet to do

	Missed, KeyFramesAsked          uint64 // towards publishers
	NACKed, Resent, KeyFramesWanted uint64 // from subscribers
	Expected, Lost                  uint64 // by subscribers' reports: packets sent to them, and those that did not arrive
	// Round trips to subscribers: how many took at most so many seconds, how many there were, and what they took together.
	ReportedWithin  map[float64]uint64
	Reported        uint64
	ReportedSeconds float64
	// Packets of a sample on their way through the server, likewise.
	ForwardedWithin  map[float64]uint64
	Forwarded        uint64
	ForwardedSeconds float64
}

// Socket is what went through the UDP socket since the start.
type Socket struct {
	PacketsIn, BytesIn, CallsIn    uint64
	PacketsOut, BytesOut, CallsOut uint64
	Dropped                        uint64
}

// Agents are workers of agents, the jobs they have, and jobs that wait for one.
type Agents struct{ Workers, Jobs, Waiting int }

// Webhooks are events for other servers.
type Webhooks struct {
	Pending     int // deliveries that receivers have yet to take
	DeadLetters int // events that were put aside because a receiver never took them
}

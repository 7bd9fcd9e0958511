package metrics

import "context"

// Sources are the functions that a scrape calls. All are required.
type Sources struct {
	Media             func(context.Context) Media
	SignalConnections func() int // number of open signalling connections
	Agents            func() Agents
	Socket            func() Socket
	Relays            func() Relays
	Webhooks          func(context.Context) Webhooks
}

// Media holds the statistics of all rooms. The fields of the first group are current values. The other fields count
// since the start.
type Media struct {
	Rooms, Participants, Publishers        int
	AudioTracks, VideoTracks, DataTracks   int
	AudioSubscriptions, VideoSubscriptions int
	PausedVideos                           int
	Waiting                                int // tasks queued in the rooms' event loops

	NACKsSent, KeyFrameRequestsSent                        uint64 // packets lost from publishers and requested again; key frames requested from publishers
	NACKsReceived, Retransmitted, KeyFrameRequestsReceived uint64 // packets that subscribers requested again; packets resent to them; key frames that they requested
	ReportedExpected, ReportedLost                         uint64 // packets sent to subscribers and lost on the way, according to their receiver reports
	// Histogram of the round-trip times to subscribers, from their reports. RoundTripsWithin maps an upper bound in
	// seconds to the number of times up to this bound. RoundTrips is the number of all times, and RoundTripSeconds is
	// their sum.
	RoundTripsWithin map[float64]uint64
	RoundTrips       uint64
	RoundTripSeconds float64
	// Histogram of the times that packets spend in the server. Only a sample of the packets is measured. ForwardedWithin
	// maps an upper bound in seconds to the number of times up to this bound. Forwarded is the number of all times, and
	// ForwardedSeconds is their sum.
	ForwardedWithin  map[float64]uint64
	Forwarded        uint64
	ForwardedSeconds float64
}

// Socket counts packets, bytes and system calls of the media socket since the start.
type Socket struct {
	PacketsIn, BytesIn, CallsIn    uint64
	PacketsOut, BytesOut, CallsOut uint64
	Dropped                        uint64
}

// Relays counts open TURN allocations, and the bytes that clients have sent and that participants have received through
// relays since the start.
type Relays struct {
	Open              int
	BytesIn, BytesOut uint64
}

// Agents counts connected agent workers, running jobs, and jobs that wait for a worker.
type Agents struct{ Workers, Jobs, Waiting int }

// Webhooks counts webhook deliveries.
type Webhooks struct {
	Pending     int // deliveries that receivers have not accepted yet
	DeadLetters int // events stored as dead letters because every retry failed
}

// Package sfu carries RTP packets from a Receiver, the server's end of one published track, to its Sinks: one DownTrack
// for each subscriber, and LayerSinks for recorders and the like.
//
//	publisher ─TrackSource─▶ Receiver ─▶ Sink: DownTrack ─▶ Pacer ─▶ subscriber
//	     ◀─ PLI, NACK, RR, TWCC ───┘       │      ▲ └ bwe ◀─ TWCC, REMB ──┘
//	                                       │      └ allowed layers ─ Allocator
//	                                       └◀─ NACK, PLI, RR ──┘
//
// A DownTrack rewrites packets with a Forwarder (package forward). It sends them through the Pacer of its subscriber's
// connection (package pacer). The Pacer also estimates the bandwidth of that connection. Each connection has one
// Allocator, which divides the estimate among the DownTracks of video and sets the layers that each may forward. It
// does so when feedback arrives, each second, and when a track is added or the bitrate cap changes.
//
// A LayerSink passes one layer of a track to a Consumer such as a recorder. Each packet comes with its time on the
// publisher's clock.
//
// Goroutines: each layer of a Receiver has two. One reads RTP and calls all Sinks; the other reads RTCP. Both end when
// the layer's TrackSource returns an error, for example because the connection is closed. Receiver.Close waits for
// them. When audio is muted, its Receiver has one more goroutine for a second, which sends silence. It ends earlier if
// the track is unmuted or the Receiver is closed. Each publisher has a Feedback with one goroutine, which sends
// receiver reports and transport-wide feedback. Each subscriber has a SenderReports with one goroutine. Both end with
// Close. A DownTrack has no goroutine: pion's goroutine that reads the subscriber's connection passes RTCP to the
// DownTrack and the Pacer (see Tap.Buffer).
//
// Locks: while DownTrack.mu or LayerSink.mu is held, a lock of History, layer, Tap or Pacer may be taken, but never the
// other way round. DownTrack.mu is held while a packet is sent, and LayerSink.mu while the Consumer is called, so that
// packets stay in order. If a Consumer calls SetLayer, then LayerSink.control is taken and DemandChanged is called
// while LayerSink.mu is held. All other locks are held alone. Nothing here waits for a room's loop.
//
// Forwarding a packet allocates no memory. BenchmarkFanOut and TestForwardingAPacketAllocatesNothing check that.
package sfu

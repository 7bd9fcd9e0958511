// Package sfu carries RTP packets from a Receiver, the server's end of one published track, to its Sinks: one DownTrack
// for each subscriber.
//
//	publisher ─TrackSource─▶ Receiver ─▶ Sink: DownTrack ─▶ Pacer ─▶ subscriber
//	     ◀─ PLI, NACK, RR, TWCC ───┘       │      ▲ └ bwe ◀─ TWCC, REMB ──┘
//	                                       │      └ what is allowed ─ Allocator
//	                                       └◀─ NACK, PLI, RR ──┘
//
// A DownTrack rewrites packets with a Forwarder (package forward) and sends them through the Pacer of its subscriber's
// connection (package pacer), which estimates what that carries. The Allocator, one for each connection too, divides the
// estimate among the DownTracks of video: it sets which layers each may forward. It does so when feedback arrives, each
// second, and when a track or a limit is added.
//
// A LayerSink is the other Sink: it passes one layer of a track, with its moments on the publisher's clock, to a Consumer
// such as a recorder.
//
// Goroutines: each layer of a Receiver has two. One reads RTP and calls every Sink in place, one reads RTCP; both end
// with the layer's TrackSource, as when a connection is closed, and Receiver.Close waits for them. A Receiver of sound
// has one for a second after a mute, which sends silence; it ends earlier when the track is unmuted or the Receiver
// closed. Feedback has one for each publisher, which sends reports and transport-wide feedback, and Reports one for
// each subscriber, which sends sender reports; both end with Close. A DownTrack has none: pion's goroutine that reads
// the subscriber's connection hands it each RTCP packet about it, and the Pacer the feedback (see Tap.Buffer).
//
// Locks: DownTrack.mu and LayerSink.mu may be held while a lock of History, layer, Tap or Pacer is taken, never the other
// way round. All other locks are held alone. DownTrack.mu is held while a packet goes out, and LayerSink.mu while the
// Consumer is called, because that keeps packets in order; a Consumer that calls SetLayer takes LayerSink.control under
// it, and has DemandChanged called. Nothing here waits for a room's loop.
//
// The path of a packet allocates nothing; BenchmarkFanOut and TestPacketPathAllocatesNothing hold it.
package sfu

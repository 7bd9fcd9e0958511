// Package sfu carries RTP packets from a Receiver, the server's end of one published track, to its Sinks: a DownTrack
// for each subscriber, later a recorder.
//
//	publisher ─TrackRemote─▶ Receiver ─▶ Sink: DownTrack ─▶ Pacer ─▶ subscriber
//	     ◀─ PLI, NACK, RR, TWCC ───┘       │      ▲ └ bwe ◀─ TWCC, REMB ──┘
//	                                       │      └ what is allowed ─ Allocator
//	                                       └◀─ NACK, PLI, RR ──┘
//
// A subscriber's connection has one Pacer and one Allocator. The Pacer numbers what goes out, estimates from the feedback
// what the connection carries (package bwe), holds back bursts of video that are more, and sends padding to find out
// whether there is more. The Allocator divides the estimate among the DownTracks: it tells each which layers it may
// forward. It works when feedback comes, on the goroutine that reads the connection's RTCP, and each second on that of
// Reports.
//
// A DownTrack's forwarder decides in two steps. Which stream of the Receiver is forwarded changes at key frames only; its
// selector picks out of that stream the spatial and temporal layers the subscriber gets, by the dependency descriptor
// where there is one. Numbering closes the gaps in sequence numbers that this leaves.
//
// Each layer of a Receiver has two goroutines: one reads RTP and calls every Sink in place, one reads RTCP. They end when
// the publisher's track ends or the Receiver is closed; a third sends the second of silence that follows a mute, and ends
// after it. A DownTrack has one, which reads the subscriber's RTCP; it ends
// when the track is unbound. Feedback, one goroutine for each publisher, sends reports and transport-wide feedback;
// Reports, one for each subscriber, sends sender reports; both end when closed. A Pacer has one while packets wait or a
// probe is under way; it ends with them, at the latest with the connection.
//
// Locks: DownTrack.mu, and the small ones inside History, layer, Tap and Pacer. A DownTrack's lock may be held while one of the
// others is taken, never the other way round. DownTrack.mu is held while a packet goes out, because that is what keeps
// the packets of a subscriber in order. Nothing here waits for a room's loop.
//
// The path of a packet allocates nothing; BenchmarkFanOut and TestPacketPathAllocatesNothing hold it.
package sfu

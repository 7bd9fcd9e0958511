// Package sfu carries RTP packets from a Receiver, the server's end of one published track, to its Sinks: a DownTrack
// for each subscriber, later a recorder.
//
//	publisher ─TrackRemote─▶ Receiver ─▶ Sink: DownTrack ─TrackLocal─▶ subscriber
//	     ◀─ PLI, NACK, RR, TWCC ───┘            └◀─ NACK, PLI, RR ──┘
//
// Each layer of a Receiver has two goroutines: one reads RTP and calls every Sink in place, one reads RTCP. They end when
// the publisher's track ends or the Receiver is closed; a third sends the second of silence that follows a mute, and ends
// after it. A DownTrack has one, which reads the subscriber's RTCP; it ends
// when the track is unbound. Feedback, one goroutine for each publisher, sends reports and transport-wide feedback;
// Reports, one for each subscriber, sends sender reports; both end when closed.
//
// Locks: DownTrack.mu, and the small ones inside History, layer and Tap. A DownTrack's lock may be held while one of the
// others is taken, never the other way round. DownTrack.mu is held while a packet goes out, because that is what keeps
// the packets of a subscriber in order. Nothing here waits for a room's loop.
//
// The path of a packet allocates nothing; BenchmarkFanOut and TestPacketPathAllocatesNothing hold it.
package sfu

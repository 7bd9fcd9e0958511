// Package sfu carries RTP packets from a Receiver, the server's end of one published track, to its Sinks: one DownTrack
// for each subscriber, and LayerSinks for recorders and the like.
//
//	publisher ─TrackSource─▶ Receiver ─▶ Sink: DownTrack ─▶ Pacer ─▶ subscriber
//	     ◀─ PLI, NACK, RR, TWCC ───┘       │      ▲ └ bwe ◀─ TWCC, REMB ──┘
//	                                       │      └ allowed layers ─ Allocator
//	                                       └◀─ NACK, PLI, RR ──┘
//
// A DownTrack rewrites packets with a Forwarder (package forward) and sends them through the Pacer of its subscriber's
// connection (package pacer), which estimates the bandwidth of that connection. Each connection has one Allocator. It
// divides the estimate among the DownTracks of video and sets the layers that each may forward. It does so when feedback
// arrives, each second, and when a track is added or the bitrate cap changes.
//
// A LayerSink passes one layer of a track to a Consumer such as a recorder, each packet with its time on the publisher's
// clock.
//
// Goroutines: each layer of a Receiver has two. One reads RTP and calls every Sink in place, one reads RTCP. Both end when
// the layer's TrackSource returns an error, for example because the connection is closed, and Receiver.Close waits for them.
// After a mute, a Receiver of audio has one more for a second, which sends silence; it ends earlier when the track is
// unmuted or the Receiver is closed. Feedback has one for each publisher, which sends receiver reports and transport-wide
// feedback. SenderReports has one for each subscriber. Both end with Close. A DownTrack has none: pion's goroutine that
// reads the subscriber's connection passes RTCP to the DownTrack and the Pacer (see Tap.Buffer).
//
// Locks: DownTrack.mu and LayerSink.mu may be held while a lock of History, layer, Tap or Pacer is taken, never the other
// way round. DownTrack.mu is held while a packet is sent, and LayerSink.mu while the Consumer is called, which keeps
// packets in order. A Consumer that calls SetLayer takes LayerSink.control and causes a call of DemandChanged, both under
// LayerSink.mu. All other locks are held alone. Nothing here waits for a room's loop.
//
// Forwarding a packet allocates no memory; BenchmarkFanOut and TestForwardingAPacketAllocatesNothing check it.
package sfu

// Package bwe estimates the bandwidth of one connection from the times at which packets were sent and, according to the
// receiver's feedback, arrived. It implements Google congestion control (draft-ietf-rmcat-gcc-02) with later changes from
// libwebrtc: a trendline of the delay, bandwidth probes, and an estimate that does not grow while too little is sent to
// test it.
//
//	Sent ─▶ history ─┐
//	Feedback ────────┴▶ grouper ─▶ trendline ─▶ aimd ─┐
//	                 ├▶ throughput ─────────────▶──┤  ├▶ min ─▶ Bitrate
//	                 ├▶ loss bound ───────────────────┘
//	                 └▶ probe clusters ─▶ rate of a probe ─▶ aimd
//
// The package has no goroutines, no clock and no locks: its caller passes the time and serializes the calls. Sent allocates
// no memory, except for the first packet. False feedback from a receiver affects only the estimate of its own connection,
// and takes bounded work.
package bwe

// Package bwe estimates how much one connection can carry, from when packets left and when the other side says they
// arrived. It is Google congestion control (draft-ietf-rmcat-gcc-02) with what libwebrtc has learned since: a trendline
// over the delay, probes, and an estimate that stands still while too little is sent to say anything.
//
//	Sent ─▶ history ─┐
//	Feedback ────────┴▶ grouper ─▶ trendline ─▶ aimd ─┐
//	                 ├▶ throughput ─────────────▶──┤  ├▶ min ─▶ Bitrate
//	                 ├▶ loss ─────────────────────────┘
//	                 └▶ clusters ─▶ a probe's rate ─▶ aimd
//
// Everything here is plain state of its caller: no goroutines, no clock, no locks. Time is an argument. Sent allocates
// nothing. What the other side reports can only spoil its own estimate, and costs bounded work.
package bwe

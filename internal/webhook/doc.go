// Package webhook tells an operator's own servers what happens in rooms, as LiveKit does: each event is a signed POST
// (docs/protocol.md, 10).
//
//	Notify ─▶ memory ─▶ keep goroutine ─▶ store queue ─▶ lane readers ─▶ POST to each Endpoint
//
// Events of one room go through one lane, in which an Endpoint gets the next event only when it has taken the one before;
// so they arrive in order, and a slow or dead receiver delays its own events only. What is on the disk survives a restart
// or a crash: it is delivered again, by the same event id, if it is not certain that it was. An event that a receiver
// did not take for a day is put aside in a queue of its own.
//
// Goroutines: one that keeps, and one for each lane of each Endpoint; Close ends and waits for them.
package webhook

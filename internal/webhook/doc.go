// Package webhook sends events of rooms to an operator's own servers, as LiveKit does: each event is a signed POST
// (docs/protocol.md, 10).
//
//	Notify ─▶ memory ─▶ storeEvents ─▶ store queue ─▶ lane readers ─▶ POST to each Endpoint
//
// The events for an endpoint are distributed to parallel lanes. All events of one room use the same lane. A lane sends
// one event at a time, until the receiver has accepted it or the event has become a dead letter. Thus the events of a room
// arrive in order, and a slow or unreachable receiver delays only its own events.
//
// Stored events survive a restart or a crash. An event whose delivery was not confirmed is sent again with the same event
// ID. An event that a receiver does not accept in time becomes a dead letter: it is moved to a queue of its own.
//
// One goroutine stores events, and one serves each lane of each endpoint. Close ends them and waits for them.
package webhook

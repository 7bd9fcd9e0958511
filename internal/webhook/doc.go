// Package webhook sends events of rooms to an operator's own servers, as LiveKit does: each event is a signed POST
// (docs/protocol.md, 10).
//
//	Notify ─▶ memory ─▶ storeEvents ─▶ store queue ─▶ lane readers ─▶ POST to each Endpoint
//
// All events of one room use the same lane. In a lane, an endpoint gets an event only after it has accepted the
// previous one. Thus the events of a room arrive in order, and a slow or unreachable receiver delays only its own
// events. Stored events survive a restart or a crash. An event whose delivery was not confirmed is sent again with
// the same event ID. An event that a receiver has not accepted for a day becomes a dead letter, in a queue of its
// own.
//
// Goroutines: one that stores events, and one for each lane of each endpoint. Close ends them and waits for them.
package webhook

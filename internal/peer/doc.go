// Package peer implements one peer connection of a participant: offers and answers, codecs, ICE candidates, and the media
// that it sends and receives. It does not depend on rooms: Options describe the client, and Hooks report events.
//
// An Engine makes Transports that share one UDP socket, one TCP port and one certificate. If the client publishes on a
// Transport, the client makes the offers (client_offers.go); otherwise the server makes them (server_offers.go). A
// PathFallback remembers which clients have to use TCP or a TURN relay when they reconnect.
//
//	room loop ─HandleOffer, AddTrack, Negotiate─▶ worker ─▶ pion
//	     ◀───────────────── Hooks ───────────────────┴────────┘
//
// Goroutines: each Transport has a worker. This is a loop that makes the calls into Pion, one at a time, because such calls
// may take milliseconds. The worker ends when Close has been called and its queue is empty. Wait waits for the worker and
// for the goroutines of sfu.Feedback and sfu.Reports. Hooks are called by the worker and by Pion's goroutines, so they must
// not wait for the Transport, nor for a loop that waits for it.
//
// Locks: PathFallback.mu and rtcpSenders.mu are never held together, and nothing is called under them.
package peer

// Package peer holds one peer connection of a participant: its offers and answers, codecs, ICE candidates, and what it
// sends and receives. It knows no rooms: Options say what differs for a client, and Hooks report what happens.
//
// An Engine makes Transports, which share one UDP socket, one TCP port and one certificate. Where the client publishes, it
// makes the offers (client_offers.go), else the server does (server_offers.go). A Fallback remembers which clients are to
// use TCP alone when they connect again.
//
//	room loop ─TakeOffer, SendTrack, Negotiate─▶ worker ─▶ pion
//	     ◀─────────────── Hooks ───────────────────┴────────┘
//
// Goroutines: each Transport has a worker, a loop that runs whatever may take milliseconds in pion, one thing after
// another. It ends when Close has been called and its queue is empty; Wait waits for it, and for the goroutines of
// sfu.Feedback and sfu.Reports. Hooks are called by the worker and by goroutines of pion, so they must not wait for the
// Transport or for a loop that does.
//
// Locks: the mutexes of Fallback and of the bound on RTCP senders are held alone.
package peer

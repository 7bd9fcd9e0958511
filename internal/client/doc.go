// Package client is a headless participant: it joins a room of any LiveKit-compatible server from Go, publishes,
// subscribes and exchanges data, for `meet join`, for load and for tests.
//
//	            ┌─ socket ─▶ read goroutine ─▶ handle ─▶ state (mu) ─▶ Until, accessors
//	Client ─────┤                                 └────▶ transport: publisher, subscriber (pion)
//	            └─ ping goroutine                            └─▶ OnTrack, OnData
//
// [Join] speaks both of LiveKit's forms: two peer connections (the default) and one ([Options.SinglePC]). Nothing
// is decoded or played; a [RemoteTrack] yields RTP packets and a [Publication] takes them.
//
// Goroutines: one reads the socket and handles messages in order, one pings; both end with the socket. A resume reads the
// new socket only when the reader of the old one has ended. Each remote track has one for its callback and one that reads
// its RTCP, each layer of a publication one that reads its RTCP; they end when the transports close. [Client.Close] ends
// and waits for all of them.
//
// Locks: Client.resuming is held for a whole resume, around all others. transport.mu serialises offers and answers and
// is held across calls into pion; Client.mu guards the state that accessors read and is taken alone or inside
// transport.mu, never around it. Callbacks run outside Client.mu.
package client

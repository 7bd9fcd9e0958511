// Package client is a headless participant that joins a room of any LiveKit-compatible server, publishes and
// subscribes to tracks, and exchanges data. It is used by `meet join`, by load tests and by other tests.
//
//	            ┌─ socket ─▶ read goroutine ─▶ handle ─▶ state (mu) ─▶ Until, accessors
//	Client ─────┤                                 └────▶ transport: publisher, subscriber (pion)
//	            └─ ping goroutine                            └─▶ OnTrack, OnData
//
// [Join] supports both variants of LiveKit's protocol: with two peer connections, which is the default, and with a
// single one ([Options.SinglePC]). Media is not encoded or decoded: a [RemoteTrack] returns the received RTP packets,
// and a [Publication] sends the packets or encoded frames that it is given.
//
// Goroutines: one reads the socket and handles its messages in order, and another sends pings. Both end with the
// socket. When a resume replaces the socket, the reader of the new socket starts after the reader of the old one has
// ended. Each remote track has a goroutine for its callback and one that reads its RTCP. Each layer of a publication
// has one that reads its RTCP. These end when the transports close. [Client.Close] ends all goroutines and waits for
// them.
//
// Locks: Client.resuming is held for a whole resume. Other locks may be taken while it is held, but it is never taken
// while another lock is held. transport.mu serialises offers and answers, and is held during calls of pion. Client.mu
// guards the state that accessors read. It may be taken while transport.mu is held, but transport.mu is never taken
// while Client.mu is held. Callbacks are called without Client.mu.
package client

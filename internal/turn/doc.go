// Package turn is the STUN and TURN server (RFC 8489, RFC 8656) for browsers that talk to each other without the SFU.
//
//	browser ─▶ one UDP or TCP port ─▶ Server ─▶ relay ═▶ relay ─▶ Server ─▶ the other browser
//
// Each browser learns from STUN how others see it. Where no direct path exists both ask for a relay, and what the one
// sends arrives at the other's. Relays are inside this process: one passes packets only to relays of the same session (the
// TURN user), to no address of any network, so no further port is opened and nobody can use the server to reach somebody
// else's address or call. What is relayed stays encrypted between the browsers.
//
// Goroutines are pion's: one for each socket and each connection, and one for each relay, which reads what came to it.
// Close ends and waits for the sockets' part. Locks: that of the relays' table and that of a user count, never together.
package turn

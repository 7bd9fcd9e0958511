// Package turn is a STUN and TURN server (RFC 8489, RFC 8656) for browsers in a direct call, which does not use the SFU.
//
//	browser ─▶ one UDP or TCP port ─▶ Server ─▶ relay ═▶ relay ─▶ Server ─▶ the other browser
//
// Each browser asks STUN for its public address. If no direct connection is possible, both browsers allocate a relay (a TURN
// allocation) each and send through it. Relays exist only inside this process: a relay forwards packets to relays of the
// same session (the TURN user) and to no network address. So the server opens no further ports, and nobody can use it to
// reach other hosts or the relays of another call. Relayed packets remain encrypted between the browsers.
//
// All goroutines are Pion's: one for each socket, one for each TCP connection, and one for each relay, which reads the
// packets queued for its browser. Server.Close ends the goroutines of the sockets and waits for them. Locks: relays.mu and
// Server.mu are never held together.
package turn

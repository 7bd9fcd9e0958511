// Package turn is a STUN and TURN server (RFC 8489, RFC 8656) for direct calls and for participants that cannot reach the
// media socket directly.
//
//	browser ─▶ one UDP or TCP port ─▶ Server ─▶ relay ═▶ relay ─▶ Server ─▶ the other browser of a direct call
//	client  ─▶ one UDP or TCP port ─▶ Server ─▶ relay ═▶ media socket of the rooms
//
// Each browser of a direct call asks STUN for its public address. If no direct connection is possible, both browsers
// allocate a relay (a TURN allocation) each and send through it. A participant of a room allocates relays too, and uses one
// of them if it reaches the media socket neither by UDP nor by TCP, for example through a firewall that permits only TLS.
//
// Relays exist only inside this process: a relay of a direct call forwards packets to the other relays of the call, a relay
// of a participant forwards packets to the media socket (see Media), and no relay sends to a network address. So the server
// opens no further ports, and nobody can use it to reach other hosts, other ports of this machine, or the relays of others.
// Relayed packets remain encrypted between the endpoints.
//
// The relays of participants have addresses that no host has ([ParticipantV4], [ParticipantV6]), so that they cannot collide
// with a real client's address at the media socket. Chromium and Firefox accept these addresses. Browsers in a direct call
// send connectivity checks to the relay of the other browser, so relays of direct calls have an address of this machine:
// checks to other addresses would leave the network through its gateway.
//
// All goroutines are Pion's: one for each socket, one for each TCP connection, and one for each relay, which reads the
// packets queued for its client. Server.Close ends all of them, and waits for those of the TCP connections. Locks: relays.mu
// and listener.mu are held alone.
package turn

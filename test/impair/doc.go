// Package impair is a UDP proxy for tests that behaves like a real access link: it loses, delays and reorders datagrams, has
// a bottleneck with a queue, and can be cut.
//
//	client ──▶ Proxy.Addr ─▶ up (oneWayLink) ─▶ this client's upstream socket ──▶ target
//	   ◀─────────────────── down (oneWayLink) ◀──────────┘
//
// A [Proxy] is one access link. All clients that send through it share its two directions, as the two peer connections of
// one LiveKit client do. Each client address has its own socket towards the target, so the target can tell the clients
// apart. A test gives a client the proxy's address instead of the server's ICE candidates, see client.Options.UDPProxy and
// test/browser/impairedlink.js. The proxy does not see packets that the server sends to a client's own candidates; an
// ICE-lite server sends none there.
//
// Goroutines: one reads from the clients, one for each client reads from the target, and one for each direction sends the
// datagrams that are due. [Proxy.Close] ends all of them and waits. Locks: Proxy.mu and oneWayLink.mu are never held
// together.
package impair

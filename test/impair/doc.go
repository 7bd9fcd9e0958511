// Package impair is a UDP proxy with the faults of a real access link, for tests: loss, delay, jitter, reordering, a
// bottleneck with a queue, and silence.
//
//	client ──▶ Proxy.Addr ─▶ way up ─▶ socket of this client ──▶ target
//	   ◀────────────────── way down ◀──────┘
//
// A [Proxy] is one access link: all clients that go through it share its two ways, as the two peer connections of one
// LiveKit client do. Each client address has a socket of its own towards the target, which therefore tells them apart.
// A client is led through by giving it the proxy's address in place of the candidates of the server, see
// client.Options.Via and test/browser/link.js. Whatever answers from the client's own candidates goes around; an
// ICE-lite server does not.
//
// Goroutines: one reads from the clients, one for each client reads from the target, one for each way hands on what is
// due. [Proxy.Close] ends and waits for all. Locks: Proxy.mu and way.mu are never held together.
package impair

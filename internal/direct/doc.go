// Package direct is the signalling server for calls between two peers whose media does not pass through this server. The
// peers are mostly browsers. The server forwards only their offers, answers and ICE candidates. The messages
// (docs/direct.md) are those of an earlier signalling server in Rust, whose clients work unchanged. They are JSON in the
// format of Rust's serde for enums.
//
//	socket ─ Message ─▶ Hub ─ session ─▶ queue of the other peer ─ Message ─▶ socket
//
// Each socket has two goroutines, a reader and a writer. They end with the socket or with Close, which waits for both.
// Hub.mu guards sessions and their members. Nothing blocks while it is held.
package direct

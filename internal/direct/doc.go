// Package direct introduces two programs to each other, mostly browsers, which then talk without this server in between.
// It passes on their offers, answers and candidates. The messages (docs/direct.md) are those of an earlier signalling
// server in Rust, whose clients work unchanged: JSON as Rust's serde writes enums.
//
//	socket ─ Message ─▶ Hub ─ session ─▶ the other's queue ─ Message ─▶ socket
//
// Goroutines: one that reads and one that writes for each socket, ended by it or by Close, which waits for both. Locks:
// Hub.mu guards sessions and who is in them; nothing blocks under it.
package direct

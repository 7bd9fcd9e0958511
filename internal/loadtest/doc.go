// Package loadtest puts a load on a LiveKit-compatible server and tells what became of it: how long people waited to get
// in, what they lost, how late it came, and what it cost the server. Nothing is encoded or decoded, so one machine can
// carry both sides.
//
// Goroutines: one for each track that is sent, one for each that is received (the client's), and those that join side by
// side; Run ends and waits for all of them.
package loadtest

// Package loadtest puts load on a LiveKit-compatible server and measures join times, packet loss, delay, and the
// server's CPU time and memory. Media is not encoded or decoded, so one machine can run both the server and the
// clients.
//
// Goroutines: one for each sent track, one for each received track (the client's), and one for each join in progress.
// Run ends and waits for all of them.
package loadtest

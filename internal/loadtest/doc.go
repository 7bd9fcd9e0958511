// Package loadtest puts load on a LiveKit-compatible server and measures join times, packet loss, delay, and the
// server's CPU time and memory. Media is not encoded or decoded, so one machine can run both the server and the
// clients.
//
// Goroutines: there is one for each sent track and one for each join in progress. Received tracks are read on
// goroutines of package client. Run ends all of them and waits for them.
package loadtest

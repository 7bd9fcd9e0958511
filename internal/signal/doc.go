// Package signal is LiveKit's signalling socket: it checks the token, upgrades the request, turns protobuf and JSON frames
// into messages for package rtc and back, answers pings, and notices when the client is gone.
//
// Each Conn has two goroutines: the HTTP handler's own reads frames and hands them to the session, one by one; the writer
// sends what is queued, and pings, and ends when the Conn is closed and its queue is empty, or when a write fails or takes too
// long.
package signal

// Package signal serves LiveKit's signalling WebSocket. It verifies the token, upgrades the request, converts between
// protobuf or JSON frames and the messages of package rtc, answers pings, and detects that a client is gone.
//
// Each Conn has two goroutines. The reader is the goroutine of the HTTP handler: it reads frames and passes them to the
// session, one at a time. The writer sends queued messages and pings. It ends when the Conn is closed and its queue is
// empty, or when a write fails or takes too long.
package signal

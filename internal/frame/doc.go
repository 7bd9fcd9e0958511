// Package frame reads and writes protobuf messages as frames of a WebSocket, in the two forms that LiveKit's clients and
// agent workers use: a binary frame holds protobuf, a text frame proto3 JSON (docs/protocol.md, 1.6).
//
// It keeps no state but a pool of buffers, and starts no goroutines.
package frame

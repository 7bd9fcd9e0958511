// Package frame reads and writes protobuf messages as WebSocket frames, in the two encodings that LiveKit's clients and
// agent workers use: protobuf in binary frames and proto3 JSON in text frames (docs/protocol.md, 1.6).
//
// It keeps no state except a pool of buffers and starts no goroutines.
package frame

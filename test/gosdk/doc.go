// Package gosdk drives Meet's real binary with LiveKit's own Go SDK: a compatible server is one that the official
// client works with. It is a module of its own, because the SDK brings its own versions of what Meet pins.
//
//	go test ./...
//	go test -modfile=v2.16.mod -tags=gosdk_2_16 .
//
// builds the binary from the repository and starts it on a free port of the loopback interface; the second line does so
// with an older SDK. With LIVEKIT_TEST_URL, LIVEKIT_TEST_KEY and LIVEKIT_TEST_SECRET set, the server they name is used
// instead.
package gosdk

// Package gosdk tests the meet binary with LiveKit's Go SDK. It is a module of its own, because the SDK needs other
// versions of some modules than Meet.
//
//	go test ./...
//	go test -modfile=v2.16.mod -tags=gosdk_2_16 .
//
// The tests build the binary and start it on a free port of the loopback interface. The second command uses an older
// SDK. If LIVEKIT_TEST_URL, LIVEKIT_TEST_KEY and LIVEKIT_TEST_SECRET are set, the tests use the server that they
// name.
package gosdk

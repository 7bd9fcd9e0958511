// Command load puts one fixed load on a LiveKit-compatible server and tells what a delivered packet costs it.
//
// Three publishers send 30 video frames a second of seven packets each, 1,100 bytes a packet; forty subscribers
// receive all three: about 25,000 packets a second delivered. Nothing is encoded or decoded, so the same machine
// can carry both sides. The server's CPU time is read from its process id, so it must run on this machine:
//
//	go run ./test/load --url ws://127.0.0.1:8080 --api-key devkey --api-secret secret --pid 1234
//
// With --join-latency it measures how long somebody who joins waits for a picture, in a room of two and in rooms of a
// hundred, by turns:
//
//	go run ./test/load --url ws://127.0.0.1:8080 --join-latency 15
package main

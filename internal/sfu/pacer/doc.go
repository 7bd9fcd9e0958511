// Package pacer sends a subscriber's packets no faster than the subscriber's connection can carry them.
//
// A Pacer numbers video packets for transport-wide feedback and estimates the connection's capacity from that feedback
// (package bwe). It queues bursts of video that exceed the estimate, and sends padding to probe for more capacity.
//
// Goroutines: a Pacer has one while packets are queued or a probe is in progress. It ends when there is nothing to send, or
// with Close.
//
// Locks: Pacer.mu is held alone. It is not held while a packet's writer, the function that sends padding, or the function
// given to OnChange is called.
package pacer

// Package pacer sends the packets of one subscriber to its connection, no faster than the connection carries.
//
// A Pacer numbers video for transport-wide feedback, estimates from that feedback what the connection carries (package
// bwe), holds back bursts of video that exceed the estimate, and sends padding to probe for more.
//
// Goroutines: a Pacer has one while packets wait or a probe is under way. It ends when neither is so, and Close ends it.
//
// Locks: Pacer.mu is held alone. Nothing is called under it: neither a packet's writer, nor the function that sends
// padding, nor the one given to OnChange.
package pacer

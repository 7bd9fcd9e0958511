// Package loop runs closures one after another on one goroutine, so that what they touch needs no lock.
//
// A room's state and the slow work of a peer connection each have a Loop. Its owner runs Run on a goroutine, which ends
// when Stop has been called and the queue is empty. Loop.mu is held alone: no closure runs under it.
package loop

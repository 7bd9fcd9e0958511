// Package loop runs closures one at a time on one goroutine, so that the state they use needs no lock.
//
// A room and the worker of a peer connection each have a Loop. The owner of a Loop calls Run on a goroutine; Run returns
// when Stop has been called and the queue is empty. Closures run without Loop.mu, and no other lock is taken under it.
package loop

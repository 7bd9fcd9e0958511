// Package forward turns the packets of a track's layers into one unbroken RTP stream for one subscriber.
//
// A Forwarder decides in two steps. Which stream of the track is forwarded changes at key frames only, when its owner calls
// Start. Out of that stream the selector picks the spatial and temporal layers the subscriber gets, by the dependency
// descriptor where there is one. The rewriter closes the gaps in sequence numbers, timestamps and picture ids that both
// leave, and the sequencer remembers which packet went out under which number, to answer NACKs.
//
// The package has no locks, no goroutines and no clock. The owner of a Forwarder guards it and passes the time.
package forward

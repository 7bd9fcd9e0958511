// Package forward turns the packets of a track's layers into one unbroken RTP stream for one subscriber.
//
// A Forwarder decides in two steps. The stream of the track that is forwarded changes only at key frames, when the owner
// calls Start. Within that stream, the selector picks the spatial and temporal layers that the subscriber gets, by the
// dependency descriptor if there is one. Both steps leave gaps, which the rewriter closes in sequence numbers, timestamps
// and picture IDs. The sequencer stores the numbers of each sent packet, to answer NACKs.
//
// The package has no locks, no goroutines and no clock. The owner of a Forwarder serializes the calls and passes the time.
package forward

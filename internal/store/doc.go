// Package store keeps typed records on NATS JetStream: the server runs embedded, in this process, without a socket.
//
// Every write is flushed to the disk before it is acknowledged, so what [Bucket.Put] has returned for survives a
// power cut. One process owns a folder at a time; app sees to that before it opens the store.
//
// The embedded server and its client run goroutines of their own; [Store.Close] ends them all and waits.
package store

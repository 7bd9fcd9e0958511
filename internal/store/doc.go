// Package store keeps typed records and queues on NATS JetStream, whose server runs embedded in this process, without a
// socket.
//
// Every write is flushed to the disk before it is acknowledged, so a record survives a power failure once [Bucket.Put]
// has returned. Only one process may use a folder at a time; package app locks the folder before it opens the store.
//
// The embedded server and its client run goroutines of their own. [Store.Close] ends them all and waits for them.
package store

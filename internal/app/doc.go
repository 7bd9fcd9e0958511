// Package app builds every part of the server in order, mounts it on Echo, runs it, and closes it in reverse.
//
// [New] reads top to bottom in the order of dependence and opens every socket and folder, so that what can fail at
// the start fails there. Each part that must be closed goes on one stack:
//
//	sockets ─▶ data folder ─▶ store ─▶ lobby ─▶ webhooks ─▶ HTTP server ─▶ rooms
//
// [App.Run] starts the one goroutine of this package, which serves HTTP and ends when the server closes.
// [App.Close] pops the stack: rooms end first, while the sockets that carry the farewell are still open.
package app

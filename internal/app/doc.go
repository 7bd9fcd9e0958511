// Package app builds every part of the server in order, mounts it on Echo, runs it, and closes it in reverse.
//
// [New] reads top to bottom in the order of dependence and opens every socket and folder, so that what can fail at
// the start fails there. Each part that must be closed goes on one stack:
//
//	sockets ─▶ TURN ─▶ data folder ─▶ store ─▶ lobby ─▶ front end ─▶ webhooks ─▶ agents, direct calls ─▶ HTTP server ─▶ rooms
//
// [App.Run] starts a goroutine that serves HTTP and ends when the server closes. Another one updates the front end, if
// that is enabled. [App.Close] pops the stack: rooms end first, while the sockets that carry the farewell are still open.
package app

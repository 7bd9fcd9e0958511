// Package app builds every part of the server in order, mounts it on Echo, runs it, and closes it in reverse order.
//
// [New] builds the parts in the order of their dependencies and opens every socket and folder, so that all start-up
// errors occur there. Each part that must be closed is pushed on one stack:
//
//	sockets ─▶ data folder ─▶ certificates ─▶ store ─▶ lobby ─▶ front end ─▶ webhooks ─▶ agents, direct calls ─▶ HTTP ─▶ rooms ─▶ TURN
//
// [App.Run] starts a goroutine that serves HTTP and ends when the server closes. Another goroutine updates the front
// end, if this is enabled. [App.Close] pops the stack. TURN and rooms end first, because the sockets must
// still be open to send the Leave messages.
package app

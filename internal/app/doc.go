// Package app builds every part of the server in order, mounts it on Echo, runs it, and closes it in reverse order.
//
// [New] builds the parts in the order of their dependencies and opens every socket and folder, so that all start-up
// errors occur there. Each part that must be closed is pushed on one stack:
//
//	sockets ─▶ data folder ─▶ certificates ─▶ store ─▶ lobby ─▶ front end ─▶ webhooks ─▶ agents, direct calls ─▶ HTTP
//	        ─▶ public addresses ─▶ TURN ─▶ rooms
//
// [App.Run] starts goroutines that serve HTTP, and plain HTTP on its port, if that is open. They end when the servers
// close. It also starts the goroutine of ACME. The other sources of certificates start theirs in New, and another
// goroutine updates the front end, if this is enabled. [App.Close] pops the stack. Rooms end first, because the sockets
// and the relays must still be open to send the Leave messages and the ends of the media connections.
package app

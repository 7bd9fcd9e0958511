// Package lobby lists the open rooms, keeps a record of every meeting, and issues connection details and tokens.
//
// Events from the SFU arrive through methods that only change memory under a mutex. One goroutine, started by [New] and
// ended by [Lobby.Close], writes changed records to the store:
//
//	RoomStarted, ParticipantJoined, … ──▶ memory ──wake──▶ writeChanges ──▶ store
//	                                        └──notify──▶ Subscribe
//
// Neither channel can fill up: writeChanges writes only the latest state of each changed meeting, and a subscriber gets
// one notification for any number of changes. The locks of [Lobby] and of its reservations are never held together, and
// no code blocks while it holds one of them.
package lobby

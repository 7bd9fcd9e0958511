// Package lobby knows the rooms that are live, keeps a record of every meeting, and hands out connection details.
//
// The SFU's events come in through methods that only change memory under a mutex. One goroutine, started by [New]
// and ended by [Lobby.Close], writes changed records to the store:
//
//	RoomStarted, ParticipantJoined, … ──▶ memory ──wake──▶ keep ──▶ store
//	                                        └──notify──▶ Subscribe
//
// Neither arrow can fill up: keep takes the latest state of each changed meeting, and a subscriber gets one mark
// for any number of changes. The locks of [Lobby] and of its reserved identities are never held together, and nothing
// done under them can wait.
package lobby

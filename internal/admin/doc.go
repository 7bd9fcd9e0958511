// Package admin calls the RoomService of a LiveKit server, this one's or any other, as an operator or a back end does.
//
// Every call signs a token of its own that lasts some minutes and grants what this one call needs. Errors are one sentence
// about the server; the sentinels tell which kind of mistake it is, so that a command can say what to do about it.
package admin

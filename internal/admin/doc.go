// Package admin calls the RoomService of this server or any other LiveKit server, as an operator or a back end does.
//
// Each call has a token of its own, which is valid for some minutes and grants only this call. An error is one
// sentence about the server. It wraps one of the Err variables, so that a command can add advice.
package admin

// Package admin calls the RoomService of this server or any other LiveKit server, as an operator or a back end does.
//
// Each call has a token of its own, which is valid for some minutes and grants only this call. An error is one
// sentence about the server. Most errors wrap one of the Err variables, by which a command can choose its advice.
package admin

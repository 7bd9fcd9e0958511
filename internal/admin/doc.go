// Package admin calls the RoomService of this server or any other LiveKit server, as an operator or a back end does.
//
// Each call has a token of its own, which is valid for some minutes and grants only this call. The text of an
// error is one sentence. Most errors wrap one of the Err variables, so that a command can add advice for the user.
package admin

// Package api serves LiveKit's server APIs over Twirp, with which a back end controls rooms, in JSON or protobuf.
//
// Each method checks the grant, translates the request, and makes one call to package rtc or agent. [Handler]
// verifies the token, bounds the body and selects the service. LiveKit's generated stubs select the method, decode
// and encode. errors.go maps errors to Twirp's codes. There are no goroutines here: each request runs on the HTTP
// server's own.
package api

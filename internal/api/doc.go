// Package api serves LiveKit's server APIs over Twirp, in JSON or protobuf. Back ends control rooms with these APIs.
//
// [Handler] verifies the token and its grants, bounds the size of the body, and selects the service. LiveKit's generated
// stubs select the method, decode the request and encode the response. Each method translates the request and calls
// package rtc or agent. errors.go maps errors to Twirp's codes. The package starts no goroutines: each request runs on
// the HTTP server's goroutine.
package api

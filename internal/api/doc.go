// Package api serves LiveKit's server APIs. Back ends control rooms with them. They use Twirp with JSON or protobuf.
//
// [Handler] verifies the token and its grants, bounds the size of the body, and selects the service. LiveKit's generated
// stubs select the method, decode the request and encode the response. Each method translates the request and calls
// package rtc or agent. errors.go maps errors to Twirp's codes. The package starts no goroutines: each request runs on
// the HTTP server's goroutine.
package api

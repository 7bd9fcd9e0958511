// Package api is LiveKit's server APIs over Twirp: what a back end asks of rooms, in JSON or protobuf.
//
// Each method checks the grant, translates, and makes one call. [Handler] verifies the token, bounds the body and finds
// the service; decoding, encoding and routing inside a service are LiveKit's generated stubs. Errors become Twirp's codes
// in errors.go. There are no goroutines here: each request runs on the HTTP server's own.
package api

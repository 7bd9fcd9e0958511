// Package server tests a whole server in the test's process over its HTTP port and media socket: signalling, media, data
// and server APIs, with clients of internal/client. It does not access the server's internals. Files that begin with
// api_ test LiveKit's server APIs.
//
// Almost all tests run in parallel, because they mostly wait.
package server

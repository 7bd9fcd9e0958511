// Package server tests the whole server in the test's own process, over its HTTP port and its media socket: signalling,
// media, data and server APIs, with participants of internal/client. Nothing here reaches into the server. Files that
// begin with api_ are about LiveKit's server APIs.
//
// Almost all tests run in parallel, because they mostly wait.
package server

// Package site serves what a browser needs besides the call: pages, static files, and JSON.
//
// A handler decodes the request, makes one call and renders the result; package lobby decides what is allowed. All
// errors are answered by one function, handleError, which uses the format of the route and never shows the text of an
// internal error.
//
// The data of the lobby page is bounded in size and encoded once for all clients: see snapshot. The package starts no
// goroutine. One of the open event streams receives the notification of a change and builds the next snapshot; the
// others wait for it. An event stream ends with the context of its request, so package app ends all streams by
// cancelling the server's base context.
package site

// Package site is what a browser sees besides the call: pages, their static files, and the JSON they load.
//
// A handler decodes, makes one call and renders; what may be done is decided in lobby. Every error ends in one
// function, fail, which answers in the form the route promises and never shows the text of an unmarked error.
//
// What the lobby shows is bounded, and encoded once for all who ask: see snapshot. The package starts no goroutine: of the
// event streams, the one that takes the mark of a change makes the next snapshot, and the others wait until it is there.
// An event stream ends with its request's context, so app ends all of them by ending the server's base context.
package site

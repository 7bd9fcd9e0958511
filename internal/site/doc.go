// Package site is what a browser sees besides the call: pages, their static files, and the JSON they load.
//
// A handler decodes, makes one call and renders; what may be done is decided in lobby. Every error ends in one
// function, fail, which answers in the form the route promises and never shows the text of an unmarked error.
// An event stream ends with its request's context, so app ends all of them by ending the server's base context.
package site

// Package web embeds the built front end, web/app, in the binary. internal/assets reads it.
//
// The build is made by scripts/generate.sh and committed, so that building the binary needs no Node.
package web

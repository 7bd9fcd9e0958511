// Package web holds the front end as the binary carries it: the build of
// web/app, embedded. internal/assets reads it.
//
// The build is made by scripts/generate.sh and committed, so that building
// the binary needs no Node.
package web

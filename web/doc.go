// Package web holds the front end as the binary carries it: the build of
// web/app, embedded, and the list of files each page needs.
//
// The build is made by scripts/generate.sh and committed, so that building
// the binary needs no Node.
package web

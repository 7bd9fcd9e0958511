// Package fault marks errors with a kind and with text that strangers may read.
//
// A sentinel made by [New] names both; wrapping it with %w adds what was tried, for the log only. An error that
// was never marked is [Internal]: its text stays in the log. Each edge (pages, API, signalling) maps kinds to its
// own status codes in one function, so this package knows no protocol.
package fault

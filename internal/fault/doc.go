// Package fault marks errors with a kind and with a text that may be shown to clients.
//
// A sentinel error made by [New] has both. Wrapping it with %w adds context for the log only. An error that was not made
// by [New] is [Internal], and its text is never shown. Each edge of the server (pages, API, signalling) maps kinds to
// its own status codes in one function, so this package does not depend on any protocol.
package fault

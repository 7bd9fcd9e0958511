// Package pebble runs Pebble, the ACME server of Let's Encrypt for tests, in a test's own process, with a DNS server.
//
// Pebble has no Close: its goroutines processTasks, and those of certmagic's rate limiters, stay until the process ends.
package pebble

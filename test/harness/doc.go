// Package harness starts Meet's server in a test's own process.
//
// One goroutine for each Server runs App.Run. Server.Stop, or else the end of the test, ends it and waits for it.
package harness

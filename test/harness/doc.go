// Package harness runs Meet's server in a test's own process.
//
// Each Server has one goroutine, which runs App.Run. Server.Stop ends it and waits for it; so does the end of the
// test.
package harness

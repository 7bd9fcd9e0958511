// Package cli tests the built binary from outside: what every command prints, and the status it ends with.
package cli

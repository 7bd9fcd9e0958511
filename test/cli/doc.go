// Package cli tests the meet binary: the output and the exit status of every command.
package cli

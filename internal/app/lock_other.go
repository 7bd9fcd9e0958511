//go:build !unix

package app

import "os"

// lock does nothing: the port keeps a second server away in all but unusual set-ups.
func lock(*os.File) error { return nil }

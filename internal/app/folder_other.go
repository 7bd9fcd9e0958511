//go:build !unix

package app

import "log/slog"

// tightenFolder does nothing: the system keeps no such modes.
func tightenFolder(string, *slog.Logger) error { return nil }

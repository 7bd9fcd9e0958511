//go:build !unix

package app

import "log/slog"

// restrictDataFolder does nothing, because this system has no file modes.
func restrictDataFolder(string, *slog.Logger) error { return nil }

// checkOwner does nothing, because this system has no owners of files that could prevent others from using them.
func checkOwner(string) error { return nil }

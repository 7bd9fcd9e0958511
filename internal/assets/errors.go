package assets

import (
	"fmt"

	"meet/internal/fault"
)

// invalid returns an error, in one sentence, for a build or setting that is wrong. Trying again would give the same
// error.
func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, fmt.Sprintf(format, args...))
}

// unavailable returns an error, in one sentence, for something that cannot be fetched at the moment.
func unavailable(format string, args ...any) error {
	return fault.New(fault.Unavailable, fmt.Sprintf(format, args...))
}

// formatBytes returns a size in MB, kB or bytes.
func formatBytes(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f kB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

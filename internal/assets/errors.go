package assets

import (
	"fmt"

	"meet/internal/fault"
)

// refuse is what is wrong with a build, in one sentence. Asking again brings the same.
func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, fmt.Sprintf(format, args...))
}

// missing is what cannot be had at the moment.
func unavailable(format string, args ...any) error {
	return fault.New(fault.Unavailable, fmt.Sprintf(format, args...))
}

// bytesText is a size as people read it.
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

package token

import (
	"math"
	"strconv"
	"strings"
	"time"

	"meet/internal/fault"
)

// ErrTTL is returned for a lifetime that cannot be parsed or is not positive.
var ErrTTL = fault.New(fault.Invalid, `a token's lifetime is a number of seconds or a span such as "90m", "5h" or "2d"`)

// ParseTTL parses a positive lifetime: a number of seconds, such as "300", or days, hours, minutes and seconds with their
// units, such as "2d", "1d12h" or "90m".
func ParseTTL(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return scale(seconds, time.Second)
	}
	var days time.Duration
	rest := s
	if number, after, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, ErrTTL
		}
		if days, err = scale(n, 24*time.Hour); err != nil {
			return 0, err
		}
		if rest = after; rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d <= 0 || d > math.MaxInt64-days {
		return 0, ErrTTL
	}
	return days + d, nil
}

// scale returns n times unit. It returns an error if n is not positive or the product overflows.
func scale(n int64, unit time.Duration) (time.Duration, error) {
	if n <= 0 || n > int64(math.MaxInt64/unit) {
		return 0, ErrTTL
	}
	return time.Duration(n) * unit, nil
}

// Package measure compares durations in tests with the limits that Meet sets itself. A test fails when a duration exceeds
// three times its limit, because the machine that runs the tests may be busy. If the environment variable MEET_MEASURE
// names a file, the limit itself applies, and each duration is appended to that file; scripts/measure.sh sets it.
// test/browser/measure.js does the same for browser tests.
package measure

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// slack is the factor by which a duration may exceed its limit on a busy machine.
const slack = 3

// Within fails the test if duration exceeds limit. If MEET_MEASURE is not set, it fails only if duration exceeds slack times
// limit. step names the measured step in the output.
func Within(t *testing.T, step string, duration, limit time.Duration) {
	t.Helper()
	allowed := slack * limit
	if name := os.Getenv("MEET_MEASURE"); name != "" {
		allowed = limit
		if err := appendLine(name, fmt.Sprintf("%s, %s\t%d ms\tat most %d ms\n", t.Name(), step, duration.Milliseconds(), limit.Milliseconds())); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%s: %v", step, duration.Round(time.Millisecond))
	if duration > allowed {
		t.Errorf("%s: %v, want %v at most", step, duration, allowed)
	}
}

// appendLine appends line to the file called name.
func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("record a measurement: %w", err)
	}
	_, err = f.WriteString(line)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

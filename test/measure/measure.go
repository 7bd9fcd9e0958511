// Package measure holds times that tests take against the limits that Meet intends. In the check, which may run on a
// busy machine, three times the limit is allowed. With MEET_MEASURE set, the limit itself is, and each figure is appended
// to the file of that name; scripts/measure.sh does so. test/browser/measure.js does the same for browsers.
package measure

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// slack is how many times its limit a figure may be on a busy machine.
const slack = 3

// Within fails the test if what took longer than its limit.
func Within(t *testing.T, what string, took, limit time.Duration) {
	t.Helper()
	allowed := slack * limit
	if name := os.Getenv("MEET_MEASURE"); name != "" {
		allowed = limit
		if err := note(name, fmt.Sprintf("%s, %s\t%d ms\tat most %d ms\n", t.Name(), what, took.Milliseconds(), limit.Milliseconds())); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%s: %v", what, took.Round(time.Millisecond))
	if took > allowed {
		t.Errorf("%s: %v, want %v at most", what, took, allowed)
	}
}

func note(name, line string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note a figure: %w", err)
	}
	_, err = f.WriteString(line)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

package webhook

import (
	"math/rand/v2"
	"time"
)

// Pauses between attempts: short enough that a receiver which is back is told within a minute, long enough not to wear
// down one that struggles.
const initialBackoff, maxBackoff = time.Second, time.Minute

// backoff doubles the pause with each attempt, give or take a quarter, so that lanes do not knock together.
func backoff(tries int) time.Duration {
	pause := maxBackoff
	if tries < 7 {
		pause = min(maxBackoff, initialBackoff<<(tries-1))
	}
	return pause*3/4 + rand.N(pause/2)
}

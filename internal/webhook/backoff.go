package webhook

import (
	"math/rand/v2"
	"time"
)

// Pauses between attempts: short enough that a receiver which is back is told within a minute, long enough not to wear
// down one that struggles.
const firstPause, longestPause = time.Second, time.Minute

// backoff doubles the pause with each attempt, give or take a quarter, so that lanes do not knock together.
func backoff(tries int) time.Duration {
	pause := longestPause
	if tries < 7 {
		pause = min(longestPause, firstPause<<(tries-1))
	}
	return pause*3/4 + rand.N(pause/2)
}

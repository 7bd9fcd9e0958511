package webhook

import (
	"math/rand/v2"
	"time"
)

// initialBackoff and maxBackoff are the first and the longest delay between attempts. They are chosen so that a receiver
// that has recovered gets its events within about a minute, and an overloaded receiver is not burdened further.
const initialBackoff, maxBackoff = time.Second, time.Minute

// backoff returns the delay after the given number of failed attempts, which must be at least 1. The delay doubles with
// each attempt, up to maxBackoff, and is varied by up to 25 %, so that lanes do not send at the same time.
func backoff(tries int) time.Duration {
	pause := maxBackoff
	if tries < 7 {
		pause = min(maxBackoff, initialBackoff<<(tries-1))
	}
	return pause*3/4 + rand.N(pause/2)
}

package ratelimit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"meet/internal/fault"
	"meet/internal/source"
)

// Errors of a Limiter.
var (
	errClient = fault.New(fault.Exhausted, "too many requests from this address; wait a moment and try again")
	errTotal  = fault.New(fault.Exhausted, "this server gets too many requests; wait a moment and try again")
)

// Rate is the size of a token bucket and the speed at which it refills.
type Rate struct {
	Burst     int
	PerSecond float64
}

// maxBuckets bounds the number of buckets in each generation of a Limiter. A bucket takes about 200 bytes.
const maxBuckets = 16384

// Limiter has a token bucket for each client and one for all clients together.
type Limiter struct {
	perClient Rate
	now       func() time.Time // replaced by tests

	mu    sync.Mutex
	total *rate.Limiter // nil if there is no total limit
	// The buckets of clients are in two generations. A bucket that is used moves to recent. When recent is full, it replaces
	// earlier, whose buckets are dropped. A client whose bucket was dropped gets a full one.
	recent, earlier map[string]*rate.Limiter
}

// NewLimiter returns a Limiter. The zero Rate as total means that there is no total limit.
func NewLimiter(perClient, total Rate) *Limiter {
	l := &Limiter{perClient: perClient, now: time.Now, recent: map[string]*rate.Limiter{}}
	if total != (Rate{}) {
		l.total = rate.NewLimiter(rate.Limit(total.PerSecond), total.Burst)
	}
	return l
}

// Allow takes a token from the buckets for a request from an address. If a bucket is empty, it takes none and returns an
// error with the time after which the bucket has a token again.
func (l *Limiter) Allow(address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, client := l.now(), l.bucketLocked(source.Key(address))
	if err := check(client, now, errClient); err != nil { // first: a client without tokens must not use up those of the others
		return err
	}
	if l.total != nil {
		if err := check(l.total, now, errTotal); err != nil {
			return err
		}
		l.total.AllowN(now, 1)
	}
	client.AllowN(now, 1)
	return nil
}

// Check returns the error that Allow would return, but takes no token.
func (l *Limiter) Check(address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if err := check(l.bucketLocked(source.Key(address)), now, errClient); err != nil || l.total == nil {
		return err
	}
	return check(l.total, now, errTotal)
}

// bucketLocked returns the bucket of a client.
func (l *Limiter) bucketLocked(client string) *rate.Limiter {
	bucket := l.recent[client]
	if bucket != nil {
		return bucket
	}
	if bucket = l.earlier[client]; bucket == nil {
		bucket = rate.NewLimiter(rate.Limit(l.perClient.PerSecond), l.perClient.Burst)
	}
	if len(l.recent) >= maxBuckets {
		l.earlier, l.recent = l.recent, map[string]*rate.Limiter{}
	}
	l.recent[client] = bucket
	return bucket
}

// check returns err, with the time until the bucket has a token, if the bucket has none.
func check(bucket *rate.Limiter, now time.Time, err error) error {
	missing := 1 - bucket.TokensAt(now)
	if missing <= 0 {
		return nil
	}
	return fault.After(err, time.Duration(missing/float64(bucket.Limit())*float64(time.Second)))
}

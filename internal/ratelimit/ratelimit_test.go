package ratelimit

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"meet/internal/fault"
)

// clock is a time that tests set.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// newTestLimiter returns a Limiter and its clock.
func newTestLimiter(perClient, total Rate) (*Limiter, *clock) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	l := NewLimiter(perClient, total)
	l.now = c.now
	return l, c
}

// allowed returns how many of n requests from an address are allowed.
func allowed(l *Limiter, address string, n int) (count int) {
	for range n {
		if l.Allow(address) == nil {
			count++
		}
	}
	return count
}

func TestClientIsRefusedBeyondItsBurstUntilItsBucketRefills(t *testing.T) {
	l, clock := newTestLimiter(Rate{Burst: 5, PerSecond: 0.25}, Rate{})
	if n := allowed(l, "192.0.2.1", 9); n != 5 {
		t.Errorf("%d requests of a burst of 9 were allowed", n)
	}
	if n := allowed(l, "192.0.2.2", 9); n != 5 {
		t.Errorf("%d requests of another client were allowed", n)
	}
	err := l.Allow("192.0.2.1")
	if fault.KindOf(err) != fault.Exhausted || fault.RetryAfter(err) != 4 {
		t.Errorf("refused with %v, retry after %d s", err, fault.RetryAfter(err))
	}
	clock.Time = clock.Add(3 * time.Second)
	if err := l.Check("192.0.2.1"); fault.RetryAfter(err) != 1 {
		t.Errorf("one second before: %v, retry after %d s", err, fault.RetryAfter(err))
	}
	clock.Time = clock.Add(time.Second)
	if l.Check("192.0.2.1") != nil || allowed(l, "192.0.2.1", 9) != 1 {
		t.Error("the bucket has not refilled")
	}
}

func TestRefusedClientDoesNotUseUpTheTotal(t *testing.T) {
	l, clock := newTestLimiter(Rate{Burst: 5, PerSecond: 1}, Rate{Burst: 8, PerSecond: 2})
	if n := allowed(l, "192.0.2.1", 1000); n != 5 {
		t.Errorf("%d were allowed", n)
	}
	if n := allowed(l, "192.0.2.2", 1000); n != 3 {
		t.Errorf("%d of the others were allowed", n)
	}
	if err := l.Check("192.0.2.3"); !errors.Is(err, errTotal) {
		t.Errorf("beyond the total: %v", err)
	}
	clock.Time = clock.Add(time.Second)
	if n := allowed(l, "192.0.2.3", 10); n != 2 {
		t.Errorf("after a second %d were allowed", n)
	}
}

// A client with one IPv6 network can use each of its addresses.
func TestAddressesOfOneIPv6NetworkShareABucket(t *testing.T) {
	l, _ := newTestLimiter(Rate{Burst: 5, PerSecond: 1}, Rate{})
	n := 0
	for i := range 512 {
		n += allowed(l, fmt.Sprintf("2001:db8:0:%x::%x", i%256, i), 1)
	}
	if n != 5 {
		t.Errorf("%d requests from one network were allowed", n)
	}
	if allowed(l, "2001:db8:0:100::1", 1) != 1 || allowed(l, "::ffff:192.0.2.1", 9)+allowed(l, "192.0.2.1", 9) != 5 {
		t.Error("other clients are affected, or have two buckets")
	}
}

func TestNumberOfBucketsIsBounded(t *testing.T) {
	l, _ := newTestLimiter(Rate{Burst: 1, PerSecond: 1}, Rate{})
	const regular = "192.0.2.1" // sends requests all the time
	if l.Allow(regular) != nil {
		t.Fatal("the first request was refused")
	}
	for i := range 3 * maxBuckets {
		_ = l.Allow(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
		if i%1000 == 0 && l.Allow(regular) == nil {
			t.Fatalf("after %d other clients, a client has a new bucket", i)
		}
	}
	if n := len(l.recent) + len(l.earlier); n > 2*maxBuckets {
		t.Errorf("%d buckets", n)
	}
}

func TestCounterRefusesMoreThanItsBounds(t *testing.T) {
	total, perClient := errors.New("total"), errors.New("per client")
	c := NewCounter(Bounds{Total: 10, PerClient: 4, ErrTotal: total, ErrPerClient: perClient})
	steps := []struct {
		address string
		n       int
		want    error
	}{
		{"192.0.2.1", 3, nil},
		{"192.0.2.1", 2, perClient},
		{"192.0.2.1", 1, nil},
		{"192.0.2.2", 4, nil},
		{"192.0.2.3", 3, total},
		{"", 3, total},
		{"", 2, nil},
		{"192.0.2.3", 1, total},
		{"192.0.2.1", -4, nil},
		{"192.0.2.3", 4, nil},
		{"", -2, nil},
		{"192.0.2.2", -4, nil},
		{"192.0.2.3", -4, nil},
	}
	for i, s := range steps {
		if s.n < 0 {
			c.Remove(s.address, -s.n)
			continue
		}
		if err := c.Add(s.address, s.n); !errors.Is(err, s.want) {
			t.Errorf("step %d: %v, want %v", i, err, s.want)
		}
	}
	if c.total != 0 || len(c.perClient) != 0 {
		t.Errorf("%d are left, of %d clients", c.total, len(c.perClient))
	}
}

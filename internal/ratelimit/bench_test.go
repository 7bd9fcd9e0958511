package ratelimit

import "testing"

func BenchmarkAllow(b *testing.B) {
	l := NewLimiter(Rate{Burst: 1 << 30, PerSecond: 1}, Rate{Burst: 1 << 30, PerSecond: 1})
	for b.Loop() {
		if err := l.Allow("2001:db8::1"); err != nil {
			b.Fatal(err)
		}
	}
}

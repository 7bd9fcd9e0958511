package app

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/time/rate"
)

// Bounds on logging. Clients cause many log lines and choose the names in them.
const (
	// logRate is the number of lines of one level that may be written per second. logBurst is the number of lines that
	// may be written in one burst.
	logRate, logBurst = 20, 400
	// Logged values are truncated to these numbers of bytes: maxUntrustedBytes for strings that clients choose,
	// maxValueBytes for other strings and for errors, and maxStackBytes for stack traces.
	maxUntrustedBytes, maxValueBytes, maxStackBytes = 64, 1 << 10, 16 << 10
)

// untrustedKeys are the attribute keys whose values clients choose.
var untrustedKeys = map[string]bool{"room": true, "participant": true, "agent": true, "track": true, "label": true, "origin": true, "host": true}

// logLimiter is a slog.Handler that drops lines above a rate and truncates long values. The first line after dropped
// ones has an attribute with their number.
type logLimiter struct {
	slog.Handler
	limits *levelLimits // shared with all handlers derived from this one
}

// levelLimits has a token bucket for each level, so that a flood of lines of one level does not suppress other levels.
type levelLimits struct {
	mu      sync.Mutex
	buckets map[slog.Level]*rate.Limiter
	dropped map[slog.Level]int
}

// newLogLimiter returns a handler that writes to next.
func newLogLimiter(next slog.Handler) *logLimiter {
	return &logLimiter{next, &levelLimits{buckets: map[slog.Level]*rate.Limiter{}, dropped: map[slog.Level]int{}}}
}

// allow reports whether a line of this level may be written. If so, it also returns the number of lines dropped since
// the last written line of this level.
func (l *levelLimits) allow(level slog.Level) (ok bool, leftOut int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.buckets[level]
	if bucket == nil {
		bucket = rate.NewLimiter(logRate, logBurst)
		l.buckets[level] = bucket
	}
	if !bucket.Allow() {
		l.dropped[level]++
		return false, 0
	}
	leftOut = l.dropped[level]
	l.dropped[level] = 0
	return true, leftOut
}

// Handle writes a line, unless the rate of its level is exceeded.
func (h *logLimiter) Handle(ctx context.Context, r slog.Record) error {
	ok, leftOut := h.limits.allow(r.Level)
	if !ok {
		return nil
	}
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		short.AddAttrs(truncate(a))
		return true
	})
	if leftOut > 0 {
		short.AddAttrs(slog.Int("lines_left_out_before", leftOut))
	}
	return h.Handler.Handle(ctx, short)
}

// WithAttrs returns a handler that adds these attributes, truncated, to every line.
func (h *logLimiter) WithAttrs(attrs []slog.Attr) slog.Handler {
	short := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		short[i] = truncate(a)
	}
	return &logLimiter{h.Handler.WithAttrs(short), h.limits}
}

// WithGroup returns a handler that puts later attributes into a group.
func (h *logLimiter) WithGroup(name string) slog.Handler {
	return &logLimiter{h.Handler.WithGroup(name), h.limits}
}

// truncate shortens the value of a string or error attribute to the limit for its key, without splitting a character.
func truncate(a slog.Attr) slog.Attr {
	_, isError := a.Value.Any().(error)
	if a.Value.Kind() != slog.KindString && !isError {
		return a
	}
	limit := maxValueBytes
	switch {
	case untrustedKeys[a.Key]:
		limit = maxUntrustedBytes
	case a.Key == "stack" || isError && strings.Contains(a.Value.String(), "panic: "): // contains a stack trace
		limit = maxStackBytes
	}
	text := a.Value.String()
	if len(text) <= limit {
		return a
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return slog.String(a.Key, text[:limit]+"…")
}

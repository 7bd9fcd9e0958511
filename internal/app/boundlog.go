package app

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/time/rate"
)

// Bounds of the log. Much of what is logged happens because strangers do something, and holds names that they choose.
const (
	// logRate and logBurst are lines of one level, each second and at once.
	logRate, logBurst = 20, 400
	// maxLogName bounds texts that strangers choose, maxLogValue others, in bytes: errors may quote what a stranger wrote.
	maxLogName, maxLogValue, maxLogStack = 64, 1 << 10, 16 << 10
)

// logNames are the keys whose values strangers choose.
var logNames = map[string]bool{"room": true, "participant": true, "agent": true, "track": true, "label": true, "origin": true, "host": true}

// boundLog is a slog.Handler that leaves out lines that come too fast, and shortens texts that strangers choose. The next
// line says how many were left out.
type boundLog struct {
	slog.Handler
	levels *logLevels // shared by all that were derived from one
}

// logLevels has a token bucket for each level, so that a flood of one does not hide the others.
type logLevels struct {
	mu      sync.Mutex
	buckets map[slog.Level]*rate.Limiter
	leftOut map[slog.Level]int
}

func newBoundLog(next slog.Handler) *boundLog {
	return &boundLog{next, &logLevels{buckets: map[slog.Level]*rate.Limiter{}, leftOut: map[slog.Level]int{}}}
}

// admit reports whether a line of that level may be written, and how many were left out since the last one.
func (l *logLevels) admit(level slog.Level) (ok bool, leftOut int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.buckets[level]
	if bucket == nil {
		bucket = rate.NewLimiter(logRate, logBurst)
		l.buckets[level] = bucket
	}
	if !bucket.Allow() {
		l.leftOut[level]++
		return false, 0
	}
	leftOut = l.leftOut[level]
	l.leftOut[level] = 0
	return true, leftOut
}

// Handle writes a line, unless too many of its level were written already.
func (h *boundLog) Handle(ctx context.Context, r slog.Record) error {
	ok, leftOut := h.levels.admit(r.Level)
	if !ok {
		return nil
	}
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		short.AddAttrs(shorten(a))
		return true
	})
	if leftOut > 0 {
		short.AddAttrs(slog.Int("lines_left_out_before", leftOut))
	}
	return h.Handler.Handle(ctx, short)
}

// WithAttrs returns a handler whose lines have those attributes.
func (h *boundLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	short := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		short[i] = shorten(a)
	}
	return &boundLog{h.Handler.WithAttrs(short), h.levels}
}

// WithGroup returns a handler whose further attributes are in a group.
func (h *boundLog) WithGroup(name string) slog.Handler {
	return &boundLog{h.Handler.WithGroup(name), h.levels}
}

func shorten(a slog.Attr) slog.Attr {
	_, isError := a.Value.Any().(error)
	if a.Value.Kind() != slog.KindString && !isError {
		return a
	}
	limit := maxLogValue
	switch {
	case logNames[a.Key]:
		limit = maxLogName
	case a.Key == "stack" || isError && strings.Contains(a.Value.String(), "panic: "): // with its stack
		limit = maxLogStack
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

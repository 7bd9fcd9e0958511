package certs

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"go.uber.org/zap/zapcore"
)

// logCore forwards certmagic's log entries to slog at debug level. This package logs the outcome of each attempt itself.
// Entries of zap's debug level are dropped, because they contain requests and challenges.
type logCore struct {
	zapcore.LevelEnabler
	log    *slog.Logger
	fields []zapcore.Field
}

// newLogCore returns a logCore that writes to log.
func newLogCore(log *slog.Logger) zapcore.Core {
	return logCore{LevelEnabler: zapcore.InfoLevel, log: log}
}

// With returns a logCore that adds fields to each entry.
func (c logCore) With(fields []zapcore.Field) zapcore.Core {
	c.fields = append(slices.Clone(c.fields), fields...)
	return c
}

// Check adds the core to the entry's receivers if its level is enabled.
func (c logCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write logs an entry.
func (c logCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if !c.log.Enabled(context.Background(), slog.LevelDebug) {
		return nil
	}
	encoder := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(c.fields, fields) {
		f.AddTo(encoder)
	}
	attributes := []slog.Attr{slog.String("message", e.Message)}
	for _, key := range slices.Sorted(maps.Keys(encoder.Fields)) {
		attributes = append(attributes, slog.Any(key, encoder.Fields[key]))
	}
	c.log.LogAttrs(context.Background(), slog.LevelDebug, "certmagic", attributes...)
	return nil
}

// Sync does nothing, because slog does not buffer.
func (logCore) Sync() error { return nil }

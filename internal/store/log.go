package store

import (
	"fmt"
	"log/slog"
	"sync"
)

// serverLog is the logger of the embedded NATS server. It forwards warnings and errors to slog, drops other messages,
// and keeps the latest fatal error, which is the reason that a start failed.
type serverLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal error
}

// Noticef, Debugf and Tracef drop their messages.
func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

// Warnf logs a warning of the embedded server.
func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Warn("the store's NATS server logged a warning", "text", fmt.Sprintf(format, v...))
}

// Errorf logs an error of the embedded server.
func (l *serverLog) Errorf(format string, v ...any) {
	l.log.Error("the store's NATS server logged an error", "text", fmt.Sprintf(format, v...))
}

// Fatalf records the error that made the start fail.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = fmt.Errorf(format, v...)
}

// fatalError returns the latest fatal error, or nil.
func (l *serverLog) fatalError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

package rtc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogs passes pion's messages on at debug level: what pion calls an error is mostly a client that went away, and
// what matters reaches us as the state of a connection.
type pionLogs struct{ log *slog.Logger }

// NewLogger makes the logger of one part of pion.
func (l pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{l.log.With("pion", scope)}
}

type pionLog struct{ log *slog.Logger }

// message is formatted only if it will be seen.
func (l pionLog) message(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pion reports", "text", fmt.Sprintf(format, args...))
	}
}

func (l pionLog) Trace(string)          {}
func (l pionLog) Tracef(string, ...any) {}
func (l pionLog) Debug(string)          {}
func (l pionLog) Debugf(string, ...any) {}

func (l pionLog) Info(msg string)                   { l.message("%s", msg) }
func (l pionLog) Infof(format string, args ...any)  { l.message(format, args...) }
func (l pionLog) Warn(msg string)                   { l.message("%s", msg) }
func (l pionLog) Warnf(format string, args ...any)  { l.message(format, args...) }
func (l pionLog) Error(msg string)                  { l.message("%s", msg) }
func (l pionLog) Errorf(format string, args ...any) { l.message(format, args...) }

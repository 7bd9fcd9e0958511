package pionlog

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// Factory makes loggers that pass on to Log, at debug level.
type Factory struct{ Log *slog.Logger }

// NewLogger makes the logger of one part of pion.
func (f Factory) NewLogger(scope string) logging.LeveledLogger {
	return logger{f.Log.With("pion", scope)}
}

type logger struct{ log *slog.Logger }

// message is formatted only if it will be seen.
func (l logger) message(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pion reports", "text", fmt.Sprintf(format, args...))
	}
}

func (l logger) Trace(string)          {}
func (l logger) Tracef(string, ...any) {}
func (l logger) Debug(string)          {}
func (l logger) Debugf(string, ...any) {}

func (l logger) Info(msg string)                   { l.message("%s", msg) }
func (l logger) Infof(format string, args ...any)  { l.message(format, args...) }
func (l logger) Warn(msg string)                   { l.message("%s", msg) }
func (l logger) Warnf(format string, args ...any)  { l.message(format, args...) }
func (l logger) Error(msg string)                  { l.message("%s", msg) }
func (l logger) Errorf(format string, args ...any) { l.message(format, args...) }

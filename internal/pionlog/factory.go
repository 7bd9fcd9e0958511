package pionlog

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// Factory is a logging.LoggerFactory whose loggers write to Log at debug level.
type Factory struct{ Log *slog.Logger }

// NewLogger returns a logger for the part of Pion that scope names, such as "ice". The scope is logged as the attribute
// "pion".
func (f Factory) NewLogger(scope string) logging.LeveledLogger {
	return logger{f.Log.With("pion", scope)}
}

// logger is a logging.LeveledLogger. It discards trace and debug messages, and logs all other messages at debug level.
type logger struct{ log *slog.Logger }

// message logs a message. It formats the message only if debug messages are enabled.
func (l logger) message(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("message from pion", "text", fmt.Sprintf(format, args...))
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

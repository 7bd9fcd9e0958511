// Package pionlog forwards Pion's log messages to slog at debug level. Pion logs mostly the disconnection of clients as
// errors; failures that matter reach Meet as connection states.
package pionlog

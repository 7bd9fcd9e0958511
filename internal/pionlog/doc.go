// Package pionlog forwards Pion's log messages to slog at debug level. Most errors that Pion logs concern clients that
// disconnect. Meet learns of the failures that matter from the connection state.
package pionlog

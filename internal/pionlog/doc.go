// Package pionlog passes pion's messages on to slog, at debug level: what pion calls an error is mostly a client that went
// away, and what matters reaches us as the state of a connection.
package pionlog

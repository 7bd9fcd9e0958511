package app

import (
	"net/http"
	"time"
)

// streamWriteTimeout is how long the client of an HTTP/2 stream may accept nothing while a handler writes. It equals the time
// that wire allows for the client of a connection.
const streamWriteTimeout = 30 * time.Second

// writeDeadlines is a handler that ends HTTP/2 streams whose clients do not accept data. Such a client opens a stream with a
// small window (RFC 9113, section 5.2) and never enlarges it. Write deadlines of the connection do not help, because the
// server waits for the window and writes nothing. The WriteTimeout of http.Server is unsuitable, because it bounds the time
// for a whole response.
type writeDeadlines struct {
	http.Handler
	timeout time.Duration
}

// ServeHTTP serves a request, with write deadlines if it is an HTTP/2 stream.
func (d writeDeadlines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 2 {
		d.Handler.ServeHTTP(w, r)
		return
	}
	timed := &timedWriter{ResponseWriter: w, conn: http.NewResponseController(w), timeout: d.timeout}
	d.Handler.ServeHTTP(timed, r)
	timed.begin() // net/http now writes what it has buffered
}

// timedWriter is a ResponseWriter of an HTTP/2 stream whose writes fail when the client accepts nothing for timeout.
type timedWriter struct {
	http.ResponseWriter
	conn    *http.ResponseController
	timeout time.Duration
	custom  bool // the handler has set a write deadline
}

// Write writes b with a deadline.
func (t *timedWriter) Write(b []byte) (int, error) {
	t.begin()
	defer t.end()
	return t.ResponseWriter.Write(b)
}

// FlushError flushes buffered data with a deadline.
func (t *timedWriter) FlushError() error {
	t.begin()
	defer t.end()
	return t.conn.Flush()
}

// SetWriteDeadline replaces timeout by a deadline. The zero time restores timeout.
func (t *timedWriter) SetWriteDeadline(deadline time.Time) error {
	t.custom = !deadline.IsZero()
	return t.conn.SetWriteDeadline(deadline)
}

// Unwrap returns the ResponseWriter for http.ResponseController.
func (t *timedWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// begin sets the deadline of a write, unless the handler has set one. The error is ignored: it only occurs if the stream has
// ended.
func (t *timedWriter) begin() {
	if !t.custom {
		_ = t.conn.SetWriteDeadline(time.Now().Add(t.timeout))
	}
}

// end removes the deadline of a write. Otherwise the stream would end at the deadline even if nothing is being written.
func (t *timedWriter) end() {
	if !t.custom {
		_ = t.conn.SetWriteDeadline(time.Time{})
	}
}

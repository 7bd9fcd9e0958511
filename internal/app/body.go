package app

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// bodyTimeout is how long the body of a request may take to arrive, unless its handler sets another deadline.
	bodyTimeout = 30 * time.Second
	// drainTimeout is how long the unread remainder of a body may take to arrive after the handler has returned.
	drainTimeout = time.Second
)

// bodyDeadlines is a handler that bounds how long request bodies take to arrive. The ReadTimeout of http.Server is
// unsuitable: it remains in force while the response is written, and its expiry cancels the context of the request, for
// example of an event stream. Requests without a body get no deadline. The deadline of a body is removed when the body
// has been read.
type bodyDeadlines struct {
	http.Handler
	timeout, drain time.Duration
}

// ServeHTTP serves a request with deadlines for its body.
func (d bodyDeadlines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		d.Handler.ServeHTTP(w, r)
		return
	}
	body := &timedBody{ReadCloser: r.Body, conn: http.NewResponseController(w)}
	r.Body = body
	body.setDeadline(d.timeout)
	d.Handler.ServeHTTP(w, r)
	if !body.complete { // net/http reads up to 256 KB of the remainder before it answers
		body.setDeadline(d.drain)
	}
}

// timedBody is a request body with a read deadline.
type timedBody struct {
	io.ReadCloser
	conn     *http.ResponseController
	complete bool // the body has been read to its end
}

// Read reads from the body and removes the deadline at the end of the body.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.complete {
		b.complete = true
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// setDeadline lets the body take at most d from now on. The error is ignored: it only occurs in tests without a
// connection.
func (b *timedBody) setDeadline(d time.Duration) { _ = b.conn.SetReadDeadline(time.Now().Add(d)) }

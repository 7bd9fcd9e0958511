package app

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// bodyTimeout is how long the body of a request may take, unless its handler sets a deadline of its own.
	bodyTimeout = 30 * time.Second
	// drainTimeout is how long the rest of a body may take that its handler did not want.
	drainTimeout = time.Second
)

// bodyDeadlines bounds how long request bodies take. The ReadTimeout of http.Server does not do: it stays while the response is
// written, and its end cancels the request's context, as of an event stream. Requests without a body get no deadline here, and
// that of a body ends with it.
type bodyDeadlines struct {
	http.Handler
	timeout, drain time.Duration
}

func (d bodyDeadlines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		d.Handler.ServeHTTP(w, r)
		return
	}
	body := &timedBody{ReadCloser: r.Body, conn: http.NewResponseController(w)}
	r.Body = body
	body.limit(d.timeout)
	d.Handler.ServeHTTP(w, r)
	if !body.read { // net/http reads up to 256 KB more before it answers
		body.limit(d.drain)
	}
}

// timedBody is a body with a deadline.
type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
	read bool // to its end
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.read {
		b.read = true
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// limit lets the body take so long from now on. What fails here has no connection, as in a test.
func (b *timedBody) limit(d time.Duration) { _ = b.conn.SetReadDeadline(time.Now().Add(d)) }

package app

import (
	"io"
	"time"

	"github.com/labstack/echo/v4"

	"meet/internal/fault"
	"meet/internal/ratelimit"
)

// Bounds on the bytes of the bodies of requests that are being served: of all requests, and of those from one address.
// Handlers keep bodies in memory. The largest body is 4 MiB, and needs an API secret.
const maxBodyBytes, maxBodyBytesPerAddress = 128 << 20, 32 << 20

// bodyBytesDelay is the time after which clients are asked to try again if one of these bounds is reached.
const bodyBytesDelay = time.Second

// newBodyBytes returns a count of the bytes of request bodies.
func newBodyBytes() *ratelimit.Counter {
	return ratelimit.NewCounter(ratelimit.Bounds{
		Total: maxBodyBytes, PerClient: maxBodyBytesPerAddress,
		ErrTotal:     fault.After(fault.New(fault.Exhausted, "this server receives too much data; wait a moment and try again"), bodyBytesDelay),
		ErrPerClient: fault.After(fault.New(fault.Exhausted, "too much data is received from this address; wait a moment and try again"), bodyBytesDelay),
	})
}

// limitBodyBytes is middleware that bounds the bytes in the bodies of all requests. Reading more fails.
func (a *App) limitBodyBytes(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ContentLength == 0 {
			return next(c)
		}
		body := &countedBody{ReadCloser: r.Body, bytes: a.bodyBytes, address: c.RealIP()}
		defer body.release()
		r.Body = body
		return next(c)
	}
}

// countedBody is a request body whose bytes are counted.
type countedBody struct {
	io.ReadCloser
	bytes   *ratelimit.Counter
	address string
	counted int
}

// Read reads from the body and counts what it has read.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if exceeded := b.bytes.Add(b.address, n); exceeded != nil {
		return 0, exceeded
	}
	b.counted += n
	return n, err
}

// release subtracts what Read has counted.
func (b *countedBody) release() { b.bytes.Remove(b.address, b.counted) }

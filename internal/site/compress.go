package site

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// compress returns middleware that compresses a response and writes it when it is complete. A compressor takes about 0.6 MB.
// If it wrote directly to the client, clients that do not read would keep many compressors in use.
func compress() echo.MiddlewareFunc {
	gzip := middleware.Gzip()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		next = gzip(next)
		return func(c echo.Context) error {
			client := c.Response().Writer
			body := &bodyBuffer{ResponseWriter: client}
			c.Response().Writer = body
			if err := func() error {
				defer func() { c.Response().Writer = client }() // also for the error page after a panic
				return next(c)
			}(); err != nil {
				return err
			}
			if _, err := client.Write(body.Bytes()); err != nil && c.Request().Method != http.MethodHead {
				return fmt.Errorf("write compressed response: %w", err)
			}
			return nil
		}
	}
}

// bodyBuffer is a ResponseWriter that keeps the body in memory.
type bodyBuffer struct {
	http.ResponseWriter
	bytes.Buffer
}

// Write appends p to the body.
func (b *bodyBuffer) Write(p []byte) (int, error) { return b.Buffer.Write(p) }

// Flush does nothing, because compress writes the body when it is complete. Pages flush after their last byte.
func (b *bodyBuffer) Flush() {}

package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"meet/internal/token"
)

const (
	// backupTokenTTL is the lifetime of a backup's token. The server checks the token once, at the start.
	backupTokenTTL = time.Minute
	// backupWait is how long the server may take to copy its store, before it sends anything.
	backupWait = 3 * time.Minute
	// maxRefusal is the maximum size in bytes of the response that explains a refusal.
	maxRefusal = 4 << 10
)

// Backup writes a backup of a running Meet server to w. The backup is complete only if Backup returns nil.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	raw, err := token.New(c.key, c.secret).SetTTL(backupTokenTTL).SetBackup().ToJWT()
	if err != nil {
		return fmt.Errorf("sign the call: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address+"/api/backup", http.NoBody)
	if err != nil {
		return fmt.Errorf("call %s: %w", c.address, err)
	}
	req.Header.Set("Authorization", "Bearer "+raw)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = backupWait
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req) // follows no redirect, which would turn the POST into a GET
	if err != nil {
		return c.unreachableError(err, false)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/zip" {
		return c.backupRefusal(resp)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the backup from %s is not complete: %w", c.address, err)
	}
	return nil
}

// backupRefusal returns the error for a response that is not a backup.
func (c *Client) backupRefusal(resp *http.Response) error {
	var refusal struct{ Error string }
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil || json.Unmarshal(text, &refusal) != nil || refusal.Error == "" {
		return &callError{ErrNotLiveKit, fmt.Sprintf("the server at %s makes no backups: it answered with status %d", c.address, resp.StatusCode)}
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &callError{ErrRefused, fmt.Sprintf("%s refuses the API key %s: %s", c.address, c.key, refusal.Error)}
	}
	return fmt.Errorf("%s: %s", c.address, refusal.Error)
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/labstack/echo/v4"

	"meet/internal/backup"
	"meet/internal/config"
	"meet/internal/fault"
	"meet/internal/store"
	"meet/internal/token"
)

// Backup writes a backup of the data folder of a server that does not run. It returns ErrFolderInUse if a server uses the
// folder.
func Backup(ctx context.Context, cfg config.Config, w io.Writer, log *slog.Logger) (m *backup.Manifest, err error) {
	if _, err := os.Stat(cfg.DataDir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no data folder %s: set the server's folder with --data-dir, or its URL with --url", cfg.DataDir)
	}
	release, err := lockOwnDataFolder(cfg.DataDir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := backup.CheckComplete(cfg.DataDir); err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, store.Options{Dir: cfg.DataDir, Log: log})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return backup.Create(ctx, w, cfg.DataDir, s, Version)
}

// Restore replaces the content of the data folder by a backup. It returns ErrFolderInUse if a server uses the folder, and
// backup.ErrNotEmpty if the folder has data and replace is false. The previous data is moved to the returned subfolder, also
// if an error is returned with it.
func Restore(ctx context.Context, cfg config.Config, a *backup.Archive, replace bool, log *slog.Logger) (previous string, err error) {
	release, err := lockOwnDataFolder(cfg.DataDir, log)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	if !replace {
		if err := backup.CheckComplete(cfg.DataDir); err != nil {
			return "", err
		}
		if err := backup.CheckEmpty(cfg.DataDir); err != nil {
			return "", err
		}
	}
	return backup.Restore(ctx, a, cfg.DataDir, log)
}

// lockOwnDataFolder locks the data folder like lockDataFolder. It refuses a folder of another user, because the server,
// which runs as that user, could not use the files that this process would create, such as the lock file.
func lockOwnDataFolder(dir string, log *slog.Logger) (release func() error, err error) {
	if err := checkOwner(dir); err != nil {
		return nil, err
	}
	return lockDataFolder(dir, log)
}

var (
	errNoBackupGrant = fault.New(fault.Denied, "this access token does not allow a backup")
	errDevKey        = fault.New(fault.Denied, "everybody knows the API key devkey, so it does not allow a backup: set another key, or stop the server and run meet backup again")
	errBackupRuns    = fault.New(fault.Conflict, "another backup is being made: wait until it has ended")
)

// backupHandler serves backups of a running server.
type backupHandler struct {
	app      *App
	verifier *token.Verifier
	running  sync.Mutex // held while a backup is made
}

// serve sends a backup to a requester that may have one. If the backup fails after its first bytes were sent, serve
// closes the connection, so that the requester notices.
func (h *backupHandler) serve(c echo.Context) error {
	if err := h.authorize(c.Request()); err != nil {
		return err
	}
	if !h.running.TryLock() {
		return errBackupRuns
	}
	defer h.running.Unlock()
	c.Response().Header().Set(echo.HeaderContentType, "application/zip")
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	m, err := backup.Create(c.Request().Context(), c.Response(), h.app.config.DataDir, h.app.store, Version)
	switch {
	case err == nil:
		h.app.log.Info("backup made", "streams", m.Streams(), "files", m.Files(), "bytes", c.Response().Size)
		return nil
	case !c.Response().Committed:
		return err
	}
	h.app.log.Warn("backup failed", "err", err)
	panic(http.ErrAbortHandler)
}

// authorize returns an error unless the request has a token for backups: a token that was signed for this purpose, and
// grants nothing in rooms. A backup contains the API keys, so no token of a participant or of another service suffices.
func (h *backupHandler) authorize(r *http.Request) error {
	raw, err := token.FromBearer(r.Header.Get(echo.HeaderAuthorization))
	if err != nil {
		return err
	}
	grants, err := h.verifier.Verify(raw)
	switch {
	case err != nil:
		return err
	case !grants.Backup || grants.Video != nil || grants.Guest:
		return errNoBackupGrant
	case h.app.config.Dev && grants.Issuer == config.DevKey.Name:
		return errDevKey
	}
	return nil
}

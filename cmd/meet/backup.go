package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"meet/internal/admin"
	"meet/internal/app"
	"meet/internal/backup"
	"meet/internal/config"
)

type backupCommand struct {
	File  string `arg:"" help:"File to write."`
	Force bool   `help:"Replace FILE if it exists."`
	URL   string `name:"url" help:"URL of a running server; the server that uses the data folder unless set." placeholder:"URL"`
	JSON  bool   `name:"json" help:"Print JSON instead of text."`
	keyFlags
}

func (backupCommand) Help() string {
	return `The file contains the meetings, the webhooks that are not delivered yet, the generated API key, certificates and builds of
the front end: keep it secret. It does not contain the settings and files outside the data folder. The server may run
meanwhile. "meet restore" restores the file.

Example:
  meet backup monday.meet-backup --data-dir /var/lib/meet`
}

// Run writes the backup to a temporary file, checks it, and renames the file.
func (b backupCommand) Run(ctx context.Context, env environment) error {
	if err := b.checkTarget(); err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	temp, err := os.CreateTemp(filepath.Dir(b.File), "."+filepath.Base(b.File)+"-*.partial") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("the backup cannot be written: choose another file (%w)", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // fails after the rename, which is fine
	archive, err := b.write(ctx, env, temp)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := b.checkTarget(); err != nil { // another backup may have written it meanwhile
		return err
	}
	if err := os.Rename(temp.Name(), b.File); err != nil {
		return fmt.Errorf("the backup cannot be written: choose another file (%w)", err)
	}
	return b.print(env, archive)
}

// checkTarget returns an error if the file exists and may not be replaced.
func (b backupCommand) checkTarget() error {
	if _, err := os.Lstat(b.File); b.Force || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s exists: choose another file, or replace it with --force", b.File)
}

// write writes the backup to the file and checks it.
func (b backupCommand) write(ctx context.Context, env environment, file *os.File) (*backup.Archive, error) {
	if err := b.transfer(ctx, env, file); err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("check the backup: %w", err)
	}
	archive, err := backup.Open(file, info.Size())
	if err == nil {
		err = archive.Verify(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("the backup was not received completely: %w", err)
	}
	return archive, nil
}

var errInterruptedBackup = errors.New("the backup was interrupted; nothing was written")

// transfer writes the backup of the data folder, if no server uses it, or else of the running server.
func (b backupCommand) transfer(ctx context.Context, env environment, file *os.File) error {
	cfg, err := load(env, b.Config, b.flags())
	if err != nil {
		return err
	}
	if b.URL == "" {
		log := slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		_, err := app.Backup(ctx, cfg, file, log)
		switch {
		case err != nil && ctx.Err() != nil:
			return errInterruptedBackup
		case !errors.Is(err, app.ErrFolderInUse):
			return err
		}
	}
	server, err := b.server(env, cfg)
	if err != nil {
		return err
	}
	err = server.Backup(ctx, file)
	switch {
	case err != nil && ctx.Err() != nil:
		return errInterruptedBackup
	case b.URL == "" && errors.Is(err, admin.ErrUnreachable):
		return fmt.Errorf("%w, but a server uses the data folder %s: set its URL with --url", err, cfg.DataDir)
	}
	return withAdvice(err)
}

// server returns the API client of the running server.
func (b backupCommand) server(env environment, cfg config.Config) (*admin.Client, error) {
	_, key, err := b.signingKey(env)
	if err != nil {
		return nil, err
	}
	cfg.LiveKitURL = "" // of the server that browsers are sent to, which may be another one
	address, err := serverAddress(b.URL, cfg)
	if err != nil {
		return nil, err
	}
	if b.URL != "" && !isPrivateURL(address) {
		return nil, usageError{fmt.Errorf("--url: got %q, want a URL with https, because a backup contains secrets", address)}
	}
	server, err := admin.New(address, key.Name, key.Secret)
	if err != nil {
		return nil, addressError(address)
	}
	return server, nil
}

// isPrivateURL reports whether others cannot read what is transferred from a URL: it uses TLS or stays on this machine. It
// also reports true for a malformed URL, which fails later.
func isPrivateURL(address string) bool {
	address, err := admin.HTTPAddress(address)
	if err != nil {
		return true
	}
	u, err := url.Parse(address)
	return err != nil || u.Scheme == "https" || u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

// print prints what the backup contains.
func (b backupCommand) print(env environment, a *backup.Archive) error {
	info, err := os.Stat(b.File)
	if err != nil {
		return fmt.Errorf("check the backup: %w", err)
	}
	m := a.Manifest
	if b.JSON {
		return printJSON(env, map[string]any{"file": b.File, "bytes": info.Size(), "streams": m.Streams(), "files": m.Files(), "created": m.Created, "version": m.Version})
	}
	_, err = fmt.Fprintf(env.stdout, "Backed up %d streams of the store and %d files to %s (%s).\n", m.Streams(), m.Files(), b.File, formatSize(info.Size()))
	return err
}

// formatSize returns a number of bytes as text.
func formatSize(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"meet/internal/app"
	"meet/internal/backup"
)

type restoreCommand struct {
	File  string `arg:"" help:"File that meet backup wrote."`
	Force bool   `help:"Replace the data that the data folder has; it is kept in a subfolder."`
	dataSettings
}

func (restoreCommand) Help() string {
	return `Stop the server first. The file is checked completely before anything changes. Restore only files that you trust, because
they contain the API key and the certificates that the server will use.

Example:
  meet restore monday.meet-backup --data-dir /var/lib/meet`
}

// Run restores the data folder from a backup.
func (r restoreCommand) Run(ctx context.Context, env environment) error {
	cfg, err := load(env, r.Config, r.flags())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	f, err := os.Open(r.File)
	if err != nil {
		return fmt.Errorf("the backup cannot be read: give the path of a file that meet backup wrote (%w)", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	archive, err := backup.Open(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", r.File, err)
	}
	log := slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	previous, err := app.Restore(ctx, cfg, archive, r.Force, log)
	switch {
	case err != nil && ctx.Err() != nil && previous == "" && backup.CheckComplete(cfg.DataDir) == nil:
		return errors.New("the restore was interrupted; the data folder has not changed")
	case err != nil:
		return restoreError(err, cfg.DataDir, previous)
	}
	m := archive.Manifest
	_, err = fmt.Fprintf(env.stdout, "Restored %d streams of the store and %d files to %s, from the backup that Meet %s made on %s.\n",
		m.Streams(), m.Files(), cfg.DataDir, printable(m.Version), m.Created.Local().Format("2006-01-02 15:04:05"))
	if err == nil && previous != "" {
		_, err = fmt.Fprintf(env.stdout, "The previous data is in %s; delete it when you no longer need it.\n", filepath.Join(cfg.DataDir, previous))
	}
	return err
}

// restoreError adds to the error of a restore what has changed in the data folder, and what to do. previous is the subfolder
// with the previous data, if any.
func restoreError(err error, dir, previous string) error {
	switch {
	case errors.Is(err, backup.ErrInterrupted): // says it already
		return err
	case previous != "":
		return fmt.Errorf("%w; the previous data is in %s: run the restore again with --force", err, filepath.Join(dir, previous))
	case backup.CheckComplete(dir) != nil:
		return fmt.Errorf("%w; the data folder is incomplete: run the restore again with --force", err)
	}
	return err
}

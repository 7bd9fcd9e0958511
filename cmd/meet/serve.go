package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"meet/internal/app"
)

type serve struct{ serverSettings }

func (serve) Help() string {
	return `It needs no settings: it generates an API key, stores its data in ./meet-data and prints the link to open.

Example:
  meet serve --listen :9000 --data-dir /var/lib/meet`
}

// Run serves until it receives a signal. The first signal starts a graceful shutdown, the second exits immediately.
func (s serve) Run(ctx context.Context, env environment) error {
	cfg, err := loadQuietly(env, s.Config, s.flags())
	if err != nil {
		warnUnknown(env, cfg) // an ignored variable may be the cause
		return err
	}
	log := slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: cfg.LogLevel}))
	for _, v := range cfg.UnknownVariables {
		hint := []any{"name", v.Name}
		if v.Closest != "" {
			hint = append(hint, "closest", v.Closest)
		}
		log.Warn("unknown variable ignored", hint...)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	a, err := app.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	err = a.Greet(env.stdout)
	if err != nil {
		err = fmt.Errorf("print the start message: %w", err)
	} else {
		err = a.Run(ctx)
	}
	stop()
	return errors.Join(err, a.Close())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"syscall"
	"time"

	"meet/internal/app"
	"meet/internal/assets"
)

type updateTemplates struct {
	dataSettings
	frontendSettings
	Check    bool `xor:"do" help:"Only check whether a newer build is published: exit status 3 if so, else 0."`
	List     bool `xor:"do" help:"List the builds in the data folder."`
	Rollback bool `xor:"do" help:"Return to the previous build; automatic updates do not install the current one again."`
	Force    bool `aliases:"allow-older" help:"Install the published build even if it has no date or is older than the one in use."`
}

func (updateTemplates) Help() string {
	return `The newest published build of the front end is fetched, verified and activated atomically. A running server uses it
immediately; pages that are open keep their build until they are reloaded. If anything fails, nothing changes.

Example:
  meet update-templates --frontend-repository owner/name
  meet update-templates --frontend-url https://builds.example.org/meet/ --check`
}

// statusNewer is the exit status of --check if a newer build is published.
const statusNewer = 3

// Run installs the newest published build of the front end, or does what --check, --list or --rollback request.
func (u updateTemplates) Run(ctx context.Context, env environment) error {
	flags := u.frontendSettings.flags()
	maps.Copy(flags, u.dataSettings.flags())
	cfg, err := load(env, u.Config, flags)
	if err != nil {
		return err
	}
	embedded, err := app.EmbeddedFrontend()
	if err != nil {
		return err
	}
	store, err := app.FrontendStore(cfg)
	if err != nil {
		return usageError{err}
	}
	switch {
	case u.List:
		return listBuilds(env, store, embedded)
	case u.Rollback:
		return rollback(env, store, embedded)
	}
	client := assets.NewClient()
	source, err := app.FrontendSource(cfg, client)
	if err != nil {
		return usageError{err}
	}
	if source == nil {
		return usageError{errors.New("no source of builds is set; give --frontend-repository owner/name or --frontend-url")}
	}
	if warning := app.FrontendWarning(cfg); warning != "" {
		if _, err := fmt.Fprintf(env.stderr, "meet: warning: %s\n", warning); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := newUpdateProgress(env.stdout)
	update := assets.Updater{
		Source: source, Store: store, Embedded: embedded, Version: app.Version, Client: client,
		Force: u.Force, OnFound: p.found, Progress: p.show,
	}
	if u.Check {
		return check(ctx, env, &update)
	}
	if _, err = fmt.Fprintf(env.stdout, "Checking %s\n", printable(source.String())); err != nil {
		return err
	}
	o, err := update.Run(ctx)
	p.finishLine()
	switch {
	case ctx.Err() != nil:
		return errors.New("the update was interrupted; fetched files are kept, and the front end in use has not changed")
	case err != nil:
		return errors.Join(err, errors.New("the front end in use has not changed"))
	case o.Build == nil:
		_, err = fmt.Fprintln(env.stdout, "No newer build is published.")
	default:
		_, err = fmt.Fprintf(env.stdout, "Build %s is in use, also by a running server.\n", o.ID)
	}
	return err
}

// check prints whether a newer build is published, and returns statusNewer if so.
func check(ctx context.Context, env environment, u *assets.Updater) error {
	o, err := u.Check(ctx)
	if err != nil {
		return err
	}
	if o.Build == nil {
		_, err = fmt.Fprintln(env.stdout, "No newer build is published.")
		return err
	}
	if _, err = fmt.Fprintf(env.stdout, "Build %s is newer: %s\n", o.ID, describePlan(o)); err != nil {
		return err
	}
	return statusError(statusNewer)
}

// rollback returns to the previous build.
func rollback(env environment, s *assets.Store, embedded *assets.Build) error {
	b, err := s.Rollback(embedded, app.Version)
	if err != nil {
		return err
	}
	name := "Build " + b.ID
	if b.ID == embedded.ID {
		name = "The built-in build, " + b.ID + ","
	}
	_, err = fmt.Fprintf(env.stdout, "%s is in use, also by a running server.\n", name)
	return err
}

func listBuilds(env environment, s *assets.Store, embedded *assets.Build) error {
	list, err := s.List(embedded, app.Version)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, l := range list {
		row := []string{l.ID, l.State, formatLocalTime(l.Installed), "", "", ""}
		if l.Problem != nil {
			row[1] = "unusable: " + l.Problem.Error()
		} else {
			row[3], row[4], row[5] = formatLocalTime(l.Build.Made), fmt.Sprint(len(l.Build.Files)), fmt.Sprintf("%.1f MB", float64(l.Build.Size())/(1<<20))
		}
		rows = append(rows, row)
	}
	return printTable(env, []string{"BUILD", "STATE", "TAKEN", "MADE", "FILES", "SIZE"}, rows)
}

func formatLocalTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

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
	Check    bool `xor:"do" help:"Only say whether something newer is published: exit status 0 if not, 3 if so."`
	List     bool `xor:"do" help:"List the builds that are here."`
	Rollback bool `xor:"do" help:"Go back to the build before; the one that is left is not taken again unasked."`
	Force    bool `aliases:"allow-older" help:"Take a published build although it was made before the one in use, or does not say when it was made."`
}

func (updateTemplates) Help() string {
	return `The newest published build of the front end is fetched, checked file by file, and put in use by one rename. A running
server takes it at once; people in a call keep theirs until they leave. What goes wrong changes nothing.

Example:
  meet update-templates --frontend-repository owner/name
  meet update-templates --frontend-url https://builds.example.org/meet/ --check`
}

// statusNewer is the exit status of --check if a newer build is published.
const statusNewer = 3

// Run takes the newest published build, or does what --check, --list or --rollback ask for.
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
		return usageError{errors.New("name where builds are published, with --frontend-repository owner/name or with --frontend-url")}
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
	if _, err = fmt.Fprintf(env.stdout, "Asking %s\n", printable(source.String())); err != nil {
		return err
	}
	o, err := update.Run(ctx)
	p.finishLine()
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; what has come is kept, and the front end in use has not changed")
	case err != nil:
		return errors.Join(err, errors.New("the front end in use has not changed"))
	case o.Build == nil:
		_, err = fmt.Fprintln(env.stdout, "Nothing newer is published.")
	default:
		_, err = fmt.Fprintf(env.stdout, "Build %s is in use, in a running server too.\n", o.ID)
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
		_, err = fmt.Fprintln(env.stdout, "Nothing newer is published.")
		return err
	}
	if _, err = fmt.Fprintf(env.stdout, "Build %s is newer: %s\n", o.ID, describePlan(o)); err != nil {
		return err
	}
	return statusError(statusNewer)
}

func rollback(env environment, s *assets.Store, embedded *assets.Build) error {
	b, err := s.Rollback(embedded, app.Version)
	if err != nil {
		return err
	}
	name := "Build " + b.ID
	if b.ID == embedded.ID {
		name = "The build in this program, " + b.ID + ","
	}
	_, err = fmt.Fprintf(env.stdout, "%s is in use, in a running server too.\n", name)
	return err
}

func listBuilds(env environment, s *assets.Store, embedded *assets.Build) error {
	list, err := s.List(embedded, app.Version)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, l := range list {
		row := []string{l.ID, l.State, formatLocalTime(l.Taken), "", "", ""}
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

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meet/internal/app"
	"meet/internal/assets"
)

type buildFrontend struct {
	Out       string `required:"" help:"Output folder; an existing build in it is replaced." placeholder:"DIR"`
	Source    string `default:"web/app" help:"Folder with the source of the front end." placeholder:"DIR"`
	BasePath  string `help:"URL path of the site, such as /meet, for the links in the pages." placeholder:"PATH"`
	StaticURL string `name:"static-url" help:"URL at which the scripts and styles are served, if that is not /static/ of the site." placeholder:"URL"`
}

func (buildFrontend) Help() string {
	return `Building needs Node.js and npm. Builds are reproducible: the same source gives the same bytes. SOURCE_DATE_EPOCH sets the
date of the build. A server that uses a dated build refuses builds that are older or have no date. If servers verify builds
with --frontend-key, sign the build with "minisign -S -m DIR/manifest.json".

Example:
  meet build-frontend --out /tmp/build --base-path /meet`
}

// Run builds the front end and writes the publishable build, with its manifest, to --out.
func (b buildFrontend) Run(ctx context.Context, env environment) error {
	o := assets.PackOptions{Version: app.Version, BasePath: b.BasePath, StaticURL: b.StaticURL, Shells: app.RenderShells}
	if err := b.check(); err != nil {
		return usageError{err}
	}
	var err error
	if o.Made, err = sourceDate(env.environ); err != nil {
		return usageError{err}
	}
	if b.StaticURL != "" && !strings.HasSuffix(b.StaticURL, "/") {
		o.StaticURL += "/"
	}
	made, err := os.MkdirTemp("", "meet-build-")
	if err != nil {
		return fmt.Errorf("create a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(made) }() // temporary build; Pack has copied it
	if err := b.vite(ctx, env, made); err != nil {
		return err
	}
	m, err := assets.Pack(made, b.Out, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %d files, %.1f MB, for Meet from %s to below %s\n", b.Out, len(m.Files)+1, float64(m.Size())/(1<<20), m.Meet.From, m.Meet.Below)
	return err
}

// check validates the flags.
func (b buildFrontend) check() error {
	if b.BasePath != "" && (!strings.HasPrefix(b.BasePath, "/") || strings.HasSuffix(b.BasePath, "/")) {
		return fmt.Errorf(`--base-path: got %q, want a path such as "/meet"`, b.BasePath)
	}
	if u, err := url.Parse(b.StaticURL); err != nil || b.StaticURL != "" && u.Host == "" && !strings.HasPrefix(u.Path, "/") {
		return fmt.Errorf("--static-url: got %q, want a URL such as https://static.example.org/meet/", b.StaticURL)
	}
	if _, err := os.Stat(filepath.Join(b.Source, "vite.config.ts")); err != nil {
		return fmt.Errorf("--source: %s does not contain the source of the front end; run this command in Meet's repository", b.Source)
	}
	return nil
}

// vite runs Vite, which builds the front end into the folder out. It first installs the packages of package-lock.json
// if they are missing or outdated.
func (b buildFrontend) vite(ctx context.Context, env environment, out string) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm was not found: building the front end needs Node.js 20 or later with npm (running Meet does not)")
	}
	installed, err := os.Stat(filepath.Join(b.Source, "node_modules", ".package-lock.json"))
	locked, lockErr := os.Stat(filepath.Join(b.Source, "package-lock.json"))
	if err != nil || lockErr != nil || installed.ModTime().Before(locked.ModTime()) {
		if err := npm(ctx, env, b.Source, "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
			return err
		}
	}
	return npm(ctx, env, b.Source, "run", "--silent", "build", "--", "--logLevel", "warn", "--emptyOutDir", "--outDir", out)
}

// npm runs npm in dir, with its output on standard error.
func npm(ctx context.Context, env environment, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "npm", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, env.stderr, env.stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("npm %s failed; see its output above: %w", args[0], err)
	}
	return nil
}

// sourceDate returns the time in the SOURCE_DATE_EPOCH variable, or the zero time if it is not set
// (https://reproducible-builds.org/specs/source-date-epoch/).
func sourceDate(environ []string) (t time.Time, err error) {
	for _, v := range environ {
		if text, ok := strings.CutPrefix(v, "SOURCE_DATE_EPOCH="); ok && text != "" {
			seconds, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return t, fmt.Errorf("SOURCE_DATE_EPOCH: got %q, want seconds since 1970", text)
			}
			t = time.Unix(seconds, 0).UTC()
		}
	}
	return t, nil
}

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
	Out       string `required:"" help:"Folder to make; a build that is there already is replaced." placeholder:"DIR"`
	Source    string `default:"web/app" help:"Folder of the front end's source." placeholder:"DIR"`
	BasePath  string `help:"Path that the site will stand under, such as /meet; for the links of the page shells." placeholder:"PATH"`
	StaticURL string `name:"static-url" help:"Where the page shells find this folder, when it is not /static/ of the site." placeholder:"URL"`
}

func (buildFrontend) Help() string {
	return `It needs Node.js and npm. The same source gives the same bytes; with SOURCE_DATE_EPOCH the build says when its
source was made, and a server that uses such a build refuses one that is older or has no date. Scripts and styles work under
any path. Servers with --frontend-key take it once "minisign -S -m DIR/manifest.json" has signed it.

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
		return fmt.Errorf("make a folder to build in: %w", err)
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

func (b buildFrontend) check() error {
	if b.BasePath != "" && (!strings.HasPrefix(b.BasePath, "/") || strings.HasSuffix(b.BasePath, "/")) {
		return fmt.Errorf(`--base-path: got %q, want a path such as "/meet"`, b.BasePath)
	}
	if u, err := url.Parse(b.StaticURL); err != nil || b.StaticURL != "" && u.Host == "" && !strings.HasPrefix(u.Path, "/") {
		return fmt.Errorf("--static-url: got %q, want an address such as https://static.example.org/meet/", b.StaticURL)
	}
	if _, err := os.Stat(filepath.Join(b.Source, "vite.config.ts")); err != nil {
		return fmt.Errorf("--source: %s is not the front end's source; run this in Meet's repository", b.Source)
	}
	return nil
}

// vite runs Vite, which builds the front end into the folder out. It first installs the packages of package-lock.json
// if they are missing or outdated.
func (b buildFrontend) vite(ctx context.Context, env environment, out string) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm was not found: making the front end needs Node.js 20 or later with npm (running Meet does not)")
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

func npm(ctx context.Context, env environment, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "npm", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, env.stderr, env.stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("npm %s failed; what it wrote says why: %w", args[0], err)
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

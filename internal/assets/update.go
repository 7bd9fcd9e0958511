package assets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// queryTimeout limits how long a source may take to return the newest release, which takes a few small requests.
const queryTimeout = time.Minute

// Updater installs the newest build of a source in a store.
type Updater struct {
	Source   Source
	Store    *Store
	Embedded *Build       // in use before the first installation; every build must have its pages
	Version  string       // version of this Meet
	Client   *http.Client // nil means a client made by NewClient

	Force     bool           // also install a build that is older than the one in use, or has no date
	Automatic bool           // do not install the build that an operator rolled back from
	Progress  func(Progress) // called as bytes arrive; may be nil
	OnFound   func(Outcome)  // called before the files are fetched; may be nil

	stallTimeout, retryDelay time.Duration // override the constants of the same names in tests
}

// Outcome describes what an update did, or would do.
type Outcome struct {
	Build        *Manifest // nil if nothing newer has been published
	ID, Revision string
	New          []File // files to fetch; the others are already on this machine
}

// Check returns what Run would do, without changing anything. The Outcome's Build is nil if nothing newer has been
// published.
func (u *Updater) Check(ctx context.Context) (Outcome, error) {
	p, err := u.plan(ctx)
	if errors.Is(err, ErrUnchanged) {
		return Outcome{}, nil
	}
	return p.Outcome, err
}

// Run installs the newest build if it is newer than the build in use. A build is installed only if it has been downloaded
// completely and checked. Two updates of a store cannot run at the same time, even in different processes.
func (u *Updater) Run(ctx context.Context) (Outcome, error) {
	release, err := u.Store.lock()
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = release() }() // closing a file that nothing was written to
	u.Store.reached("locked")
	p, err := u.plan(ctx)
	if errors.Is(err, ErrUnchanged) {
		return Outcome{}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	if u.OnFound != nil {
		u.OnFound(p.Outcome)
	}
	u.Store.reached("planned")
	b, folder, err := u.assemble(ctx, p)
	if err != nil {
		return Outcome{}, err
	}
	u.Store.reached("whole")
	if err := u.Store.install(folder, b, u.Source.String(), p.Revision); err != nil {
		return Outcome{}, err
	}
	return p.Outcome, nil
}

// updatePlan is the result of comparing the newest release with the builds on this machine.
type updatePlan struct {
	Outcome
	release   Release
	signature []byte             // of the manifest, nil if the store needs none
	local     map[string]Content // by SHA-256 sum: files of the builds on this machine
}

// plan queries the source and checks whether the newest build can and should be installed. It returns ErrUnchanged if
// there is nothing to install.
func (u *Updater) plan(ctx context.Context) (p updatePlan, err error) {
	r, err := u.Store.read()
	if err != nil && !errors.Is(err, errBadRecord) {
		return p, err
	}
	inUse, revision := u.Embedded, ""
	if r.Current != "" {
		// A build that is damaged, or made for another version of Meet, counts as absent.
		if taken, err := u.Store.open(r.Current, u.Version, u.Embedded.Pages()); err == nil {
			inUse = taken
		} else {
			r.Revision = ""
		}
	}
	if r.Source == u.Source.String() && (u.Automatic || r.RolledBack == "") {
		revision = r.Revision
	}
	queryCtx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if p.release, err = u.Source.Newest(queryCtx, revision); err != nil {
		return p, err
	}
	m, err := ParseManifest(p.release.Manifest)
	if err != nil {
		return p, err
	}
	if err := m.checkFits(u.Version, u.Embedded.Pages()); err != nil {
		return p, err
	}
	p.ID, p.Revision, p.Build = ID(p.release.Manifest), p.release.Revision, m
	switch {
	case p.ID == inUse.ID, u.Automatic && p.ID == r.RolledBack:
		return p, ErrUnchanged
	case m.Made.Before(inUse.Made) && !u.Force: // a build without a date counts as older than any other
		return p, invalid("the published build was made on %s and the one in use on %s; install it with --force if you want it", formatTime(m.Made), formatTime(inUse.Made))
	}
	if p.signature, err = u.Store.key.fetchSignature(queryCtx, u.client(), p.release); err != nil {
		return p, err
	}
	p.local = map[string]Content{}
	for _, b := range []*Build{u.Embedded, inUse} {
		for _, c := range b.files {
			p.local[c.SHA256] = c
		}
	}
	for _, f := range m.Files {
		if _, ok := p.local[f.SHA256]; !ok {
			p.New = append(p.New, f)
		}
	}
	return p, nil
}

// assemble collects all files of the new build in a folder, opens the build, which checks it, and returns the build
// and the folder.
func (u *Updater) assemble(ctx context.Context, p updatePlan) (*Build, string, error) {
	pages := u.Embedded.Pages()
	if b, err := u.Store.open(p.ID, u.Version, pages); err == nil {
		return b, u.Store.path("builds", p.ID), nil // installed before, and intact
	}
	parts, completeDir := u.Store.path("incoming", p.ID, "parts"), u.Store.path("incoming", p.ID, "whole")
	for _, dir := range []string{parts, completeDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, "", fmt.Errorf("write build: %w", err)
		}
	}
	f := &fetcher{client: u.client(), locations: p.release.Locations, partialDir: parts, completeDir: completeDir, stallTimeout: stallTimeout, retryDelay: retryDelay, progress: u.Progress, onStep: u.Store.reached}
	if u.stallTimeout > 0 {
		f.stallTimeout, f.retryDelay = u.stallTimeout, u.retryDelay
	}
	toFetch, err := missingFiles(completeDir, p.New)
	if err != nil {
		return nil, "", err
	}
	if err := f.fetchAll(ctx, toFetch); err != nil {
		return nil, "", err
	}
	for _, file := range p.Build.Files {
		if c, ok := p.local[file.SHA256]; ok {
			if err := writeFile(filepath.Join(completeDir, filepath.FromSlash(file.Path)), c.Bytes); err != nil {
				return nil, "", err
			}
		}
	}
	if err := writeFile(filepath.Join(completeDir, manifestName), p.release.Manifest); err != nil {
		return nil, "", err
	}
	if len(p.signature) > 0 {
		if err := writeFile(filepath.Join(completeDir, signatureName), p.signature); err != nil {
			return nil, "", err
		}
	}
	u.Store.reached("assembled")
	if err := syncTree(completeDir); err != nil {
		return nil, "", err
	}
	b, err := u.Store.openFolder(completeDir, u.Version, pages)
	if err != nil {
		// The files contradict each other, or those of an earlier attempt were changed on disk: the next attempt starts over.
		return nil, "", errors.Join(err, os.RemoveAll(u.Store.path("incoming", p.ID)))
	}
	return b, completeDir, nil
}

// client returns u.Client, or makes one.
func (u *Updater) client() *http.Client {
	if u.Client == nil {
		u.Client = NewClient()
	}
	return u.Client
}

// missingFiles returns the files that are not in completeDir, because an interrupted update has not downloaded them. It
// compares sizes only; the sums are checked when the build is complete.
func missingFiles(completeDir string, files []File) (toFetch []File, err error) {
	for _, f := range files {
		info, err := os.Lstat(filepath.Join(completeDir, filepath.FromSlash(f.Path)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read build: %w", err)
		}
		if err != nil || info.Size() != f.Size {
			toFetch = append(toFetch, f)
		}
	}
	return toFetch, nil
}

// writeFile writes a file, creates its folder if necessary, and syncs the file to disk.
func writeFile(target string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	return nil
}

// syncTree makes the names of all files in a folder and below it survive a power failure.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(path)
	})
}

// formatTime returns a date and time for an error message.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return "an unknown date"
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

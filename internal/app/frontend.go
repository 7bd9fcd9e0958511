package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"meet/internal/assets"
	"meet/internal/config"
	"meet/internal/site"
	"meet/web"
)

// RenderShells draws the pages' shells for a published build of the front end.
func RenderShells(m *assets.Manifest) (map[string][]byte, error) { return site.RenderShells(m) }

// EmbeddedFrontend is the build of the front end that this program carries.
func EmbeddedFrontend() (*assets.Build, error) {
	b, err := assets.Open(web.Static, Version, nil)
	if err != nil {
		return nil, fmt.Errorf("the front end in this program cannot be used: %w", err)
	}
	return b, nil
}

// FrontendSource is where the settings say that newer builds are found, nil if nowhere.
func FrontendSource(c config.Config, client *http.Client) (assets.Source, error) {
	switch {
	case c.FrontendRepository != "":
		return assets.NewGitHub(c.FrontendRepository, client, assets.GitHubOptions{
			Branch: c.FrontendBranch, Token: c.FrontendToken, APIURL: c.FrontendAPIURL, PagesURL: c.FrontendPagesURL,
		})
	case c.FrontendURL != "":
		return assets.NewHTTPSource(c.FrontendURL, client)
	}
	return nil, nil
}

// FrontendStore is where the settings say that taken builds are kept.
func FrontendStore(c config.Config) (*assets.Store, error) {
	if c.FrontendKey == "" {
		return assets.NewStore(c.FrontendDir(), nil), nil
	}
	key, err := assets.ParseKey(c.FrontendKey)
	if err != nil {
		return nil, err
	}
	return assets.NewStore(c.FrontendDir(), key), nil
}

// FrontendWarning says what is unsafe about where the settings say that newer builds are found, "" if nothing is.
func FrontendWarning(c config.Config) string {
	for _, address := range []string{c.FrontendURL, c.FrontendAPIURL} {
		if u, err := url.Parse(address); err == nil && u.Scheme == "http" && !isLoopbackHost(u.Host) && c.FrontendKey == "" {
			return fmt.Sprintf("builds of the front end come from %s by plain http, so anybody on the way decides what its pages run; use https, or set frontend_key", u.Host)
		}
	}
	return ""
}

// openFrontend opens the builds of the front end, and follows what is published if that is asked for.
func (a *App) openFrontend() error {
	embedded, err := EmbeddedFrontend()
	if err != nil {
		return err
	}
	store, err := FrontendStore(a.config)
	if err != nil {
		return err
	}
	a.frontend = assets.NewLibrary(embedded, store, Version, assets.LibraryOptions{Log: a.log, OldestMeeting: a.longestMeeting})
	if a.config.FrontendUpdate == "off" {
		return nil
	}
	if warning := FrontendWarning(a.config); warning != "" {
		a.log.Warn("the source of the front end is not safe", "why", warning)
	}
	client := assets.NewClient()
	source, err := FrontendSource(a.config, client)
	if err != nil {
		return err
	}
	u := &assets.Updater{Source: source, Store: store, Embedded: embedded, Version: Version, Client: client, Automatic: true}
	interval := time.Duration(0) // once
	if a.config.FrontendUpdate == "hourly" {
		interval = time.Hour
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.serving.Go(func() { // ends when Close cancels it
		assets.Poll(ctx, u, interval, a.log)
		client.CloseIdleConnections()
	})
	a.push("front end's updates", func(context.Context) error { cancel(); return nil })
	return nil
}

// longestMeeting is when the longest of those began that go on.
func (a *App) longestMeeting() time.Time {
	rooms := a.lobby.Rooms() // the newest first
	if len(rooms) == 0 {
		return time.Time{}
	}
	return rooms[len(rooms)-1].CreatedAt
}

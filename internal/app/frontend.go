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

// RenderShells renders the HTML pages of a published build of the front end, without content. The result maps file names
// to pages.
func RenderShells(m *assets.Manifest) (map[string][]byte, error) { return site.RenderShells(m) }

// EmbeddedFrontend returns the build of the front end that is embedded in this program.
func EmbeddedFrontend() (*assets.Build, error) {
	b, err := assets.Open(web.Static, Version, nil)
	if err != nil {
		return nil, fmt.Errorf("the front end embedded in this program is broken: %w", err)
	}
	return b, nil
}

// FrontendSource returns the configured source of newer builds of the front end, or nil if there is none.
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

// FrontendStore returns the folder in which downloaded builds of the front end are stored.
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

// FrontendWarning explains why the configured source of newer builds is unsafe. It returns "" if the source is safe.
func FrontendWarning(c config.Config) string {
	for _, address := range []string{c.FrontendURL, c.FrontendAPIURL} {
		if u, err := url.Parse(address); err == nil && u.Scheme == "http" && !isLoopbackHost(u.Host) && c.FrontendKey == "" {
			return fmt.Sprintf("builds of the front end come from %s by plain http, so anybody on the network path can replace them; use https, or set frontend_key", u.Host)
		}
	}
	return ""
}

// openFrontend opens the builds of the front end and starts downloading newer ones, if this is enabled.
func (a *App) openFrontend() error {
	embedded, err := EmbeddedFrontend()
	if err != nil {
		return err
	}
	store, err := FrontendStore(a.config)
	if err != nil {
		return err
	}
	a.frontend = assets.NewLibrary(embedded, store, Version, assets.LibraryOptions{Log: a.log, OldestMeeting: a.oldestRoomCreation})
	if a.config.FrontendUpdate == "off" {
		return nil
	}
	if warning := FrontendWarning(a.config); warning != "" {
		a.log.Warn("the source of front-end builds is not safe", "why", warning)
	}
	client := assets.NewClient()
	source, err := FrontendSource(a.config, client)
	if err != nil {
		return err
	}
	u := &assets.Updater{Source: source, Store: store, Embedded: embedded, Version: Version, Client: client, Automatic: true}
	interval := time.Duration(0) // 0 means a single update
	if a.config.FrontendUpdate == "hourly" {
		interval = time.Hour
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.goroutines.Go(func() { // ends when Close cancels it
		assets.Poll(ctx, u, interval, a.log)
		client.CloseIdleConnections()
	})
	a.push("front end's updates", func(context.Context) error { cancel(); return nil })
	return nil
}

// oldestRoomCreation returns when the oldest open room was created. It returns the zero time if no room is open.
func (a *App) oldestRoomCreation() time.Time {
	rooms := a.lobby.Rooms() // the newest first
	if len(rooms) == 0 {
		return time.Time{}
	}
	return rooms[len(rooms)-1].CreatedAt
}

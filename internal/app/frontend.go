package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"meet/internal/assets"
	"meet/internal/config"
	"meet/internal/site"
	"meet/web"
)

// Shells draws the pages' shells for a published build of the front end.
func Shells(m *assets.Manifest) (map[string][]byte, error) { return site.Shells(m) }

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
		return assets.NewPlain(c.FrontendURL, client)
	}
	return nil, nil
}

// openFrontend opens the builds of the front end, and follows what is published if that is asked for.
func (a *App) openFrontend() error {
	embedded, err := EmbeddedFrontend()
	if err != nil {
		return err
	}
	shelf := assets.NewShelf(a.config.FrontendDir())
	a.frontend = assets.NewLibrary(embedded, shelf, Version, assets.LibraryOptions{Log: a.log, Since: a.longestMeeting})
	if a.config.FrontendUpdate == "off" {
		return nil
	}
	client := assets.NewClient()
	source, err := FrontendSource(a.config, client)
	if err != nil {
		return err
	}
	u := &assets.Update{Source: source, Shelf: shelf, Embedded: embedded, Version: Version, Client: client, Unasked: true}
	interval := time.Duration(0) // once
	if a.config.FrontendUpdate == "hourly" {
		interval = time.Hour
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.serving.Go(func() { // ends when Close cancels it
		assets.Follow(ctx, u, interval, a.log)
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

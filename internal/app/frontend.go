package app

import (
	"fmt"

	"meet/internal/assets"
	"meet/web"
)

// openFrontend opens the build of the front end that pages use.
func (a *App) openFrontend() error {
	embedded, err := assets.Open(web.Static, Version, nil)
	if err != nil {
		return fmt.Errorf("the front end in this program cannot be used: %w", err)
	}
	a.frontend = assets.NewLibrary(embedded)
	return nil
}

package app

import (
	"github.com/labstack/echo/v4"

	"meet/internal/certs"
)

// Routes returns all routes of the server.
func (a *App) Routes() []*echo.Route { return a.router.Routes() }

// Certificates returns the source of the server's certificates, or nil.
func (a *App) Certificates() certs.Source { return a.certificates }

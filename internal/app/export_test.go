package app

import "github.com/labstack/echo/v4"

// Routes returns all routes of the server.
func (a *App) Routes() []*echo.Route { return a.router.Routes() }

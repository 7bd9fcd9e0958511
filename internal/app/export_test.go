package app

import "github.com/labstack/echo/v4"

// Routes returns all routes of the server.
func (a *App) Routes() []*echo.Route {
	return a.http.Handler.(bodyDeadlines).Handler.(*echo.Echo).Routes() // the settings of the tests have no certificates and no base path
}

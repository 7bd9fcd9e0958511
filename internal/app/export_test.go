package app

import "github.com/labstack/echo/v4"

// Routes are all that the server has.
func (a *App) Routes() []*echo.Route {
	return a.http.Handler.(bodyDeadlines).Handler.(*echo.Echo).Routes()
}

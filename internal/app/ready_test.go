package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"meet/internal/store"
)

func TestReadinessFailsWithoutStoreOrWhileClosing(t *testing.T) {
	records, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	a := &App{store: records}
	ask := func(status int, says string) {
		t.Helper()
		w := httptest.NewRecorder()
		c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/readyz", nil), w)
		if err := a.ready(c); err != nil || w.Code != status || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%d %q %v, want %d %q", w.Code, w.Body, err, status, says)
		}
	}
	ask(http.StatusOK, "ok")
	records.Close()
	ask(http.StatusServiceUnavailable, "the store does not answer")
	a.closing.Store(true)
	ask(http.StatusServiceUnavailable, "closing")
}

package webhook

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Only host names that resolve to a private address are refused.
func TestReceiverOnPrivateAddressIsRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	name := strings.Replace(server.URL, "127.0.0.1", "LOCALHOST", 1) // stands for any name that resolves to this machine: only the lower-case spelling is always allowed
	for _, c := range []struct {
		url     string
		private bool
		want    error
	}{
		{server.URL, false, nil},
		{strings.Replace(server.URL, "127.0.0.1", "localhost", 1), false, nil},
		{name, false, errPrivateAddress},
		{name, true, nil},
	} {
		client := newClient(c.private)
		err := Endpoint{URL: c.url, Key: "key", Secret: "secret"}.post(t.Context(), client, []byte("{}"))
		if !errors.Is(err, c.want) {
			t.Errorf("%s, private %v: %v", c.url, c.private, err)
		}
		if err != nil && strings.Contains(err.Error(), c.url) {
			t.Errorf("the error contains the URL: %v", err)
		}
		client.CloseIdleConnections()
	}
}

func TestBackoffDoublesUpToOneMinute(t *testing.T) {
	for tries, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		for range 100 {
			if got := backoff(tries); got < want*3/4 || got > want*5/4 {
				t.Errorf("after %d tries %v, want about %v", tries, got, want)
			}
		}
	}
}

package app_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"meet/internal/app"
	"meet/test/harness"
	"meet/test/pebble"
)

// The server has no certificate when it starts, and answers challenges at its two ports.
func TestServerWithADomainObtainsACertificateAndServesHTTPS(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const domain = "meet.example.org"
	cfg := harness.Settings(t)
	cfg.Domain, cfg.Listen, cfg.HTTPListen = domain, freeAddress(t), freeAddress(t)
	acme := pebble.Start(t, portOf(t, cfg.HTTPListen), portOf(t, cfg.Listen))
	cfg.ACMEURL, cfg.ACMECA = acme.Directory(), acme.CAFile
	s := start(t, cfg)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{ServerName: domain, InsecureSkipVerify: true}, // Pebble's root is random
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Address)
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	harness.Eventually(ctx, t, "the page over https", func() bool {
		resp, err := client.Get("https://" + domain + "/")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		leaf := resp.TLS.PeerCertificates[0]
		return resp.StatusCode == http.StatusOK && leaf.VerifyHostname(domain) == nil
	})
	resp := request(t, cfg.HTTPListen, domain, "/rooms/blue", "")
	if got, want := resp.Header.Get("Location"), "https://"+net.JoinHostPort(domain, strconv.Itoa(portOf(t, s.Address)))+"/rooms/blue"; got != want {
		t.Errorf("plain http is redirected to %q, want %q", got, want)
	}
}

func TestServerThatCannotAnswerChallengesLogsWhatToDo(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Domain, cfg.HTTPListen = "meet.example.org", ""
	cfg.ACMEURL = "https://" + freeAddress(t) + "/dir" // nothing answers there
	var log syncBuffer
	a, err := app.New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // ends with cancel
	harness.Eventually(ctx, t, "the warning", func() bool { return strings.Contains(log.String(), "listen on :443, or free port 80") })
	cancel()
	if err := errors.Join(<-ended, a.Close()); err != nil {
		t.Error(err)
	}
}

// portOf returns the port of an address.
func portOf(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

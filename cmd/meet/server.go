package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meet/internal/admin"
	"meet/internal/config"
)

// serverFlags say which server a command speaks to, and how the answer is printed.
type serverFlags struct {
	URL  string `name:"url" help:"Address of the server (LIVEKIT_URL); the one that these settings start on this machine unless set." placeholder:"URL"`
	JSON bool   `name:"json" help:"Print what the server answers as JSON, for programs."`
	keyFlags
}

// connect makes a client of the server. Nothing is sent yet.
func (s serverFlags) connect(env environment) (*admin.Client, error) {
	cfg, key, err := s.signingKey(env)
	if err != nil {
		return nil, err
	}
	address, err := serverAddress(s.URL, cfg)
	if err != nil {
		return nil, err
	}
	c, err := admin.New(address, key.Name, key.Secret)
	if err != nil {
		return nil, addressError(address)
	}
	return c, nil
}

func addressError(address string) error {
	return usageError{fmt.Errorf("--url: got %q, %w", address, admin.ErrAddress)}
}

// serverAddress is where the server is: what --url says, else the settings' livekit_url, which LIVEKIT_URL sets, else
// this machine at the port that the settings name.
func serverAddress(url string, cfg config.Config) (string, error) {
	switch {
	case url != "":
		return url, nil
	case cfg.LiveKitURL != "":
		return cfg.LiveKitURL, nil
	}
	host, port, err := net.SplitHostPort(cfg.Listen) // checked by config
	if err != nil || port == "0" {
		return "", usageError{errors.New("--url: the settings let the server choose its port; say where it is")}
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// withAdvice adds what to do to an error of the server's API.
func withAdvice(err error) error {
	switch {
	case errors.Is(err, admin.ErrUnreachable):
		return fmt.Errorf("%w: start it with \"meet\", or say with --url where it is", err)
	case errors.Is(err, admin.ErrNotLiveKit):
		return fmt.Errorf("%w: say with --url where the server is", err)
	case errors.Is(err, admin.ErrRefused):
		return fmt.Errorf("%w: give a key that it knows with --api-key and --api-secret, or its folder with --data-dir", err)
	}
	return err
}

// wireJSON prints messages as the server's API does: names in snake_case, and every field, so that programs find them.
var wireJSON = protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}

// printMessage prints an answer for programs.
func printMessage(env environment, m proto.Message) error {
	raw, err := wireJSON.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return printJSON(env, json.RawMessage(raw))
}

// printJSON prints indented JSON. protojson varies its spaces from build to build; this does not.
func printJSON(env environment, v any) error {
	e := json.NewEncoder(env.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

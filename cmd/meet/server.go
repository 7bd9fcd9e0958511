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

// serverFlags are the flags that choose the server that a command calls and the format of the command's output.
type serverFlags struct {
	URL  string `name:"url" help:"URL of the server (LIVEKIT_URL); the server on this machine unless set." placeholder:"URL"`
	JSON bool   `name:"json" help:"Print JSON instead of text."`
	keyFlags
}

// connect returns an API client for the server. It does not send anything.
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

// addressError returns the usageError for an invalid server URL.
func addressError(address string) error {
	return usageError{fmt.Errorf("--url: got %q, %w", address, admin.ErrAddress)}
}

// serverAddress returns the address of the server to call. This is url, which is the value of --url. If url is empty,
// it is the setting livekit_url, which the variable LIVEKIT_URL may set. If this is empty too, it is the address of
// the server on this machine, from the setting listen.
func serverAddress(url string, cfg config.Config) (string, error) {
	switch {
	case url != "":
		return url, nil
	case cfg.LiveKitURL != "":
		return cfg.LiveKitURL, nil
	}
	host, port, err := net.SplitHostPort(cfg.Listen) // config has validated it
	if err != nil || port == "0" {
		return "", usageError{errors.New("--url: the server's port is unknown, because it is set to 0; give --url")}
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// withAdvice adds advice to an error of the server's API, if there is something that the user can do about it.
func withAdvice(err error) error {
	switch {
	case errors.Is(err, admin.ErrUnreachable):
		return fmt.Errorf("%w: start the server with \"meet\", or set its URL with --url", err)
	case errors.Is(err, admin.ErrNotLiveKit):
		return fmt.Errorf("%w: set the server's URL with --url", err)
	case errors.Is(err, admin.ErrRefused):
		return fmt.Errorf("%w: give one of its keys with --api-key and --api-secret, or its data folder with --data-dir", err)
	}
	return err
}

// wireJSON prints messages like the server's API: field names in snake_case, including fields with default values.
var wireJSON = protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}

// printMessage prints a message of the server's API as JSON.
func printMessage(env environment, m proto.Message) error {
	raw, err := wireJSON.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the response: %w", err)
	}
	return printJSON(env, json.RawMessage(raw))
}

// printJSON prints v as indented JSON. Unlike protojson, whose whitespace differs between builds, its output is
// stable.
func printJSON(env environment, v any) error {
	e := json.NewEncoder(env.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

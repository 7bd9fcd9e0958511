package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"text/tabwriter"
	"time"

	"meet/internal/admin"
	"meet/internal/app"
	"meet/internal/config"
	"meet/internal/doctor"
	"meet/internal/reach"
	"meet/internal/token"
)

type doctorCommand struct {
	serverSettings
	URL  string `name:"url" help:"URL at which clients reach the server; https:// and the domain unless set. Each hop to it is checked." placeholder:"URL"`
	JSON bool   `name:"json" help:"Print the findings as JSON."`
}

func (doctorCommand) Help() string {
	return `Run it with the settings of the server. It changes nothing. Each line of the output begins with ok, warn or fail. If there is
a problem, the line also says what to do. The exit status is 1 if a check fails.

If a server is running and has a domain, or if --url is given, it also checks each hop on the way from a client to the
server: the name, TCP, TLS, the HTTP response, UDP, and a call with itself through the relay (TURN), in a hidden room. It
contacts no other machines except the name server, and the STUN server if one is configured.

Example:
  meet doctor --listen :9000 --data-dir /var/lib/meet
  meet doctor --url https://meet.example.org`
}

// errFailedChecks makes the command exit with status 1 after the findings were printed.
var errFailedChecks = errors.New("the server cannot run with these settings on this machine; fix what is marked fail")

// Run checks the machine and prints the findings.
func (d doctorCommand) Run(ctx context.Context, env environment) error {
	// Invalid settings are findings too. The other checks use the valid settings.
	cfg, problems := config.Load(config.Source{File: d.Config, DotEnv: ".env", Environ: env.environ, Flags: d.flags()})
	address, err := d.publicURL(cfg)
	if err != nil {
		return err
	}
	o := doctorOptions(cfg, address)
	findings := append(settingsFindings(cfg, problems), doctor.Examine(ctx, o)...)
	running := problems == nil && doctor.Serving(ctx, cfg.Listen)
	if running {
		findings = append(findings, apiFinding(ctx, cfg))
	}
	switch {
	case d.URL != "" || address != nil && running:
		findings = append(findings, reach.Check(ctx, reach.Options{URL: address.String(), Token: doctorToken(cfg), Roots: o.Roots})...)
	case address != nil:
		findings = append(findings, doctor.Finding{
			Check: "reachability", Status: doctor.Warn, Text: "the way from clients to the server was not checked, because it is not running", Advice: "start the server and run meet doctor again",
		})
	}
	if err := d.print(env, findings); err != nil {
		return err
	}
	for _, f := range findings {
		if f.Status == doctor.Fail {
			return errFailedChecks
		}
	}
	return nil
}

// publicURL returns the URL at which clients reach the server: that of --url, or else that of the domain. It returns nil if
// there is neither.
func (d doctorCommand) publicURL(cfg config.Config) (*url.URL, error) {
	if d.URL != "" {
		u, err := url.Parse(d.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
			return nil, usageError{fmt.Errorf("--url: got %q, want a URL such as https://meet.example.org", d.URL)}
		}
		return u, nil
	}
	if cfg.Domain == "" {
		return nil, nil
	}
	u := &url.URL{Scheme: "https", Host: cfg.Domain, Path: cfg.BasePath}
	if _, port, err := net.SplitHostPort(cfg.Listen); err == nil && port != "443" {
		u.Host = net.JoinHostPort(cfg.Domain, port)
	}
	return u, nil
}

// doctorOptions returns the options of the checks. address is the result of publicURL.
func doctorOptions(cfg config.Config, address *url.URL) doctor.Options {
	o := doctor.Options{
		Listen: cfg.Listen, DataDir: cfg.DataDir, NodeIP: cfg.NodeIP, STUNServer: cfg.STUNServer,
		Domain: cfg.Domain, Certificates: app.ACMEFolder(cfg.DataDir), TLSCert: cfg.TLSCert, TLSKey: cfg.TLSKey,
	}
	if address != nil {
		o.Host = address.Hostname()
	}
	if cfg.LAN {
		o.LANAuthority = app.LANAuthorityFile(cfg.DataDir)
		o.Roots = doctor.AuthorityRoots(o.LANAuthority)
	}
	return o
}

// doctorTokenTTL is the lifetime of the tokens of doctorToken, which is longer than the call takes.
const doctorTokenTTL = 5 * time.Minute

// doctorToken returns the function that signs the tokens of the call that checks the server, or nil if these settings have no
// API key.
func doctorToken(cfg config.Config) func(identity string) (string, error) {
	keys, err := usableKeys(cfg)
	if err != nil || len(keys) == 0 {
		return nil
	}
	room := unusedName(token.TestRoomPrefix + "doctor-")
	// The room closes soon after the participants, which are hidden, have left.
	roomConfig := json.RawMessage(`{"departureTimeout": 1}`)
	return func(identity string) (string, error) {
		return token.New(keys[0].Name, keys[0].Secret).SetTTL(doctorTokenTTL).SetIdentity(identity).SetRoomConfig(roomConfig).
			SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: room, Hidden: true}).ToJWT()
	}
}

func (d doctorCommand) print(env environment, findings []doctor.Finding) error {
	if d.JSON {
		return printJSON(env, map[string]any{"findings": findings})
	}
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		text := printable(f.Text)
		if f.Advice != "" {
			text += " → " + printable(f.Advice)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", f.Status, f.Check, text) // Flush returns the error
	}
	return t.Flush()
}

// minSecretLength is the length, in characters, below which doctor warns about a secret: HS256 needs a key of at
// least 32 bytes (RFC 7518, section 3.2).
const minSecretLength = 32

// settingsFindings reports problems of the settings, unknown variables and weak API keys.
func settingsFindings(cfg config.Config, problems error) []doctor.Finding {
	var findings []doctor.Finding
	for _, problem := range splitErrors(problems) {
		findings = append(findings, doctor.Finding{Check: "settings", Status: doctor.Fail, Text: problem.Error(), Advice: "see meet serve --help"})
	}
	if problems == nil {
		findings = append(findings, doctor.Finding{Check: "settings", Status: doctor.OK, Text: "valid"})
	}
	for _, v := range cfg.UnknownVariables {
		findings = append(findings, doctor.Finding{Check: "settings", Status: doctor.Warn, Text: v.Name + ": " + unknownText(v)})
	}
	if problems != nil {
		return findings
	}
	for _, k := range cfg.Keys {
		switch {
		case k == config.DevKey:
			findings = append(findings, doctor.Finding{
				Check: "API keys", Status: doctor.Warn, Text: "the secret of devkey is public: anybody can control every room", Advice: "do not use --dev on a server that others can reach",
			})
		case len(k.Secret) < minSecretLength:
			findings = append(findings, doctor.Finding{
				Check: "API keys", Status: doctor.Warn, Text: fmt.Sprintf("the secret of %s is shorter than %d characters", k.Name, minSecretLength), Advice: "generate a strong key with meet generate-keys",
			})
		}
	}
	if len(cfg.Keys) == 0 {
		findings = append(findings, ownKeyFinding(cfg))
	}
	return findings
}

// ownKeyFinding reports the state of the API key that the server generates if none is configured.
func ownKeyFinding(cfg config.Config) doctor.Finding {
	keys, err := usableKeys(cfg)
	f := doctor.Finding{Check: "API keys", Status: doctor.OK, Text: "the key in " + cfg.GeneratedKeyFile() + ", which the server generated"}
	switch {
	case err == nil && len(keys) == 0:
		f.Text = "none are set: the server will generate a key in " + cfg.GeneratedKeyFile()
	case err != nil:
		f.Status, f.Text, f.Advice = doctor.Fail, err.Error(), "fix this file, or set keys with --key-file"
	}
	return f
}

// splitErrors returns the errors that config.Load joined into err.
func splitErrors(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// apiFinding calls the API of the server that runs on this machine, with the first API key of these settings, and
// reports the result.
func apiFinding(ctx context.Context, cfg config.Config) doctor.Finding {
	f := doctor.Finding{Check: "running server", Status: doctor.Fail}
	cfg.LiveKitURL = "" // check the server on this machine, not the one that browsers are sent to
	address, err := serverAddress("", cfg)
	if err != nil {
		f.Text = err.Error()
		return f
	}
	keys, err := usableKeys(cfg)
	if err != nil || len(keys) == 0 {
		f.Status, f.Text, f.Advice = doctor.Warn, "it answers at "+address+", but these settings have no API key for it", "set its keys with --data-dir or --key-file"
		return f
	}
	server, err := admin.New(address, keys[0].Name, keys[0].Secret)
	if err != nil {
		f.Text = err.Error()
		return f
	}
	list, err := server.ListRooms(ctx)
	if err != nil {
		f.Text, f.Advice = err.Error(), "set its keys with --data-dir or --key-file"
		return f
	}
	f.Status, f.Text = doctor.OK, fmt.Sprintf("it answers at %s and accepts the API key %s; %d rooms are open", address, keys[0].Name, len(list.Rooms))
	return f
}

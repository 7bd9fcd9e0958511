package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"meet/internal/admin"
	"meet/internal/config"
	"meet/internal/doctor"
)

type doctorCommand struct {
	serverSettings
	JSON bool `name:"json" help:"Print the findings as JSON."`
}

func (doctorCommand) Help() string {
	return `Run it with the settings of the server. It changes nothing and contacts no other machine. Each line of the output begins
with ok, warn or fail. If there is a problem, the line also says what to do. The exit status is 1 if a check fails.

Example:
  meet doctor --listen :9000 --data-dir /var/lib/meet`
}

// errFailedChecks makes the command exit with status 1 after the findings were printed.
var errFailedChecks = errors.New("the server cannot run with these settings on this machine; fix what is marked fail")

// Run checks the machine and prints the findings.
func (d doctorCommand) Run(ctx context.Context, env environment) error {
	// Invalid settings are findings too. The other checks use the valid settings.
	cfg, problems := config.Load(config.Source{File: d.Config, DotEnv: ".env", Environ: env.environ, Flags: d.flags()})
	findings := append(settingsFindings(cfg, problems), doctor.Examine(ctx, doctor.Options{
		Listen: cfg.Listen, DataDir: cfg.DataDir, NodeIP: cfg.NodeIP,
	})...)
	if problems == nil && doctor.Serving(ctx, cfg.Listen) {
		findings = append(findings, apiFinding(ctx, cfg))
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

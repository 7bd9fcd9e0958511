package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"meet/internal/token"
)

type verifyToken struct {
	Token string `arg:"" help:"Access token, or - to read it from standard input."`
	JSON  bool   `name:"json" help:"Print the result and the claims as JSON."`
	keyFlags
}

func (verifyToken) Help() string {
	return `The exit status is 0 if the token is valid now and signed with a key of these settings, else 1. The contents are printed in
both cases; do not trust those of an invalid token.

Example:
  meet create-token --join --room myroom --identity ada | meet verify-token -`
}

// maxTokenSize is the largest token that is read, in bytes. A token has a few kilobytes at most, because HTTP headers
// and URLs cannot carry more.
const maxTokenSize = 1 << 20

// Run prints the contents of the token, and fails if the token is not valid.
func (v verifyToken) Run(env environment) error {
	raw := v.Token
	if raw == "-" {
		text, err := io.ReadAll(io.LimitReader(env.stdin, maxTokenSize))
		if err != nil {
			return fmt.Errorf("read the token: %w", err)
		}
		raw = string(text)
	}
	raw = strings.TrimSpace(raw)
	_, keys, err := v.load(env)
	if err != nil {
		return err
	}
	known := token.Keys{}
	for _, k := range keys {
		known[k.Name] = k.Secret
	}
	_, invalid := token.NewVerifier(known).Verify(raw)
	grants, payload, err := token.Read(raw)
	if err != nil {
		grants, invalid, err = &token.ClaimGrants{}, errNoToken, nil
	}
	invalid = describeInvalid(invalid, grants, time.Now())
	if v.JSON {
		err = printVerdict(env, invalid, payload)
	} else if payload != nil {
		err = printGrants(env, grants, invalid == nil, time.Now())
	}
	return errors.Join(err, invalid)
}

var errNoToken = errors.New("this is not an access token: a LiveKit token has three parts of letters and digits, separated by dots")

// describeInvalid adds details to the error of an invalid token, such as how long ago the token expired.
func describeInvalid(err error, g *token.ClaimGrants, now time.Time) error {
	switch {
	case errors.Is(err, token.ErrExpired):
		return fmt.Errorf("%w: %s ago", err, formatDuration(now.Sub(g.ExpiresAt)))
	case errors.Is(err, token.ErrNotYetValid):
		return fmt.Errorf("%w: it becomes valid in %s", err, formatDuration(g.NotBefore.Sub(now)))
	case errors.Is(err, token.ErrUnknownKey):
		return fmt.Errorf("the access token is signed with API key %q, which is not in these settings: give --api-key and --api-secret", printable(g.Issuer))
	case errors.Is(err, token.ErrMalformed) && g.ExpiresAt.IsZero():
		return errors.New("the access token has no expiry, so servers refuse it")
	}
	return err
}

// verdict is the output of verify-token --json.
type verdict struct {
	Valid   bool            `json:"valid"`
	Problem string          `json:"problem,omitempty"`
	Claims  json.RawMessage `json:"claims"`
}

func printVerdict(env environment, invalid error, payload json.RawMessage) error {
	v := verdict{Valid: invalid == nil, Claims: payload}
	if invalid != nil {
		v.Problem = invalid.Error()
	}
	return printJSON(env, v)
}

// printGrants prints the contents of a token, one line for each property.
func printGrants(env environment, g *token.ClaimGrants, valid bool, now time.Time) error {
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	line := func(label, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(t, "%s\t%s\n", label, printable(value)) // Flush returns the error
		}
	}
	state := "no"
	if valid {
		state = "yes"
	}
	line("Valid", state)
	line("API key", g.Issuer)
	line("Issued", formatTime(g.IssuedAt))
	switch left := g.ExpiresAt.Sub(now); {
	case g.ExpiresAt.IsZero():
	case left < 0:
		line("Expired", formatTime(g.ExpiresAt)+", "+formatDuration(-left)+" ago")
	default:
		line("Expires", formatTime(g.ExpiresAt)+", in "+formatDuration(left))
	}
	line("Identity", g.Identity)
	line("Name", g.Name)
	line("Kind", strings.Join(append([]string{g.Kind}, g.KindDetails...), " "))
	line("Metadata", g.Metadata)
	for _, name := range slices.Sorted(maps.Keys(g.Attributes)) {
		line("Attribute", name+"="+g.Attributes[name])
	}
	for _, right := range rights(g) {
		line("May", right)
	}
	line("Room preset", g.RoomPreset)
	line("Room config", string(g.RoomConfig))
	line("SHA-256", g.SHA256)
	return t.Flush()
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// rights lists the token's grants in words.
func rights(g *token.ClaimGrants) (list []string) {
	add := func(granted bool, words string) {
		if granted {
			list = append(list, words)
		}
	}
	var v token.VideoGrant
	if g.Video != nil {
		v = *g.Video
	}
	if v.RoomJoin {
		list = append(list, fmt.Sprintf("join room %q", v.Room))
		list = append(list, participantRights(v)...)
	}
	add(v.RoomAdmin, fmt.Sprintf("control room %q", v.Room))
	add(v.DestinationRoom != "", fmt.Sprintf("move and forward participants to room %q", v.DestinationRoom))
	add(v.RoomCreate, "create and delete rooms")
	add(v.RoomList, "list rooms")
	add(v.RoomRecord, "record rooms")
	add(v.IngressAdmin, "control ingresses")
	add(v.Agent, "register as an agent worker")
	add(g.Agent != nil && g.Agent.Admin, "control agents")
	add(g.Agent != nil && g.Agent.SimulationAdmin, "control simulations of agents")
	add(g.SIP != nil && g.SIP.Admin, "control telephony")
	add(g.SIP != nil && g.SIP.Call, "make telephone calls")
	add(g.Inference != nil && g.Inference.Perform, "use hosted models")
	add(g.Observability != nil && g.Observability.Write, "write traces and logs")
	return list
}

// participantRights lists what the bearer may do as a participant, in words.
func participantRights(v token.VideoGrant) (list []string) {
	publish := "publish tracks"
	if len(v.CanPublishSources) > 0 {
		publish = "publish from " + strings.Join(v.CanPublishSources, ", ")
	}
	for _, right := range []struct {
		granted bool
		words   string
	}{
		{v.MayPublish(), publish},
		{v.MaySubscribe(), "subscribe to tracks"},
		{v.MayPublishData(), "send data"},
		{v.CanUpdateOwnMetadata, "change its own name, metadata and attributes"},
		{v.CanSubscribeMetrics, "receive metrics"},
		{v.CanManageAgentSession, "manage the session of an agent"},
		{v.Hidden, "be hidden from others"},
		{v.Recorder, "join as a recorder"},
	} {
		if right.granted {
			list = append(list, right.words)
		}
	}
	return list
}

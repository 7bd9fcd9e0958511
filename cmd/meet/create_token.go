package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"

	"meet/internal/admin"
	"meet/internal/config"
	"meet/internal/token"
)

type createToken struct {
	Room     string            `aliases:"r" help:"Name of the room." placeholder:"NAME"`
	Identity string            `aliases:"p" help:"Identity of the participant, unique in the room." placeholder:"ID"`
	R        string            `name:"r" hidden:"" help:"Same as --room; used by early LiveKit tools."`
	P        string            `name:"p" hidden:"" help:"Same as --identity; used by early LiveKit tools."`
	Name     string            `help:"Display name of the participant; the identity unless set." placeholder:"NAME"`
	Metadata string            `help:"Metadata of the participant." placeholder:"TEXT"`
	Attrs    map[string]string `name:"attributes" aliases:"attribute" help:"Attributes of the participant; repeatable." placeholder:"KEY=VALUE;…"`
	Kind     string            `help:"Kind of participant: standard, ingress, egress, sip, agent, connector or bridge." enum:",standard,ingress,egress,sip,agent,connector,bridge" default:"" placeholder:"KIND"`
	Details  []string          `name:"kind-detail" sep:"none" help:"Detail of the kind, such as cloud_agent; repeatable." placeholder:"DETAIL"`
	TTL      string            `name:"ttl" aliases:"valid-for" help:"How long the token is valid: seconds, or a duration such as 90m, 5h or 2d." default:"6h"`

	grantFlags
	roomConfigFlags

	SHA256 string `name:"sha256" help:"SHA-256 of the body of the webhook that the token signs, in Base64." placeholder:"SUM"`
	Open   bool   `help:"Print a link that joins the room in a browser, instead of the token."`
	URL    string `name:"url" help:"Server that the link of --open joins (LIVEKIT_URL); the server on this machine unless set." placeholder:"URL"`
	keyFlags
}

func (createToken) Help() string {
	return `The token is signed with --api-key, or else the first configured key, or else the key that the server generated in the
data folder.

Keep the token and the link of --open secret: until the token expires, anybody who has it can join as this participant.

Example:
  meet create-token --join --room myroom --identity ada --ttl 2d`
}

// Run prints only the token or the link, so that scripts can use the output.
func (t createToken) Run(env environment) error {
	t.Room, t.Identity = cmp.Or(t.Room, t.R), cmp.Or(t.Identity, t.P)
	if err := t.check(); err != nil {
		return usageError{err}
	}
	ttl, err := token.ParseTTL(t.TTL)
	if err != nil {
		return usageError{fmt.Errorf("--ttl: got %q, want seconds or a duration such as 90m, 5h or 2d", t.TTL)}
	}
	roomConfig, err := t.roomConfig()
	if err != nil {
		return usageError{err}
	}
	cfg, key, err := t.signingKey(env)
	if err != nil {
		return err
	}
	access := token.New(key.Name, key.Secret).
		SetIdentity(t.Identity).SetName(cmp.Or(t.Name, t.Identity)).SetMetadata(t.Metadata).SetAttributes(t.Attrs).
		SetKind(t.Kind, t.Details...).SetTTL(ttl).SetRoomConfig(roomConfig).SetRoomPreset(t.RoomPreset).SetSHA256(t.SHA256)
	t.grant(access, t.Room)
	raw, err := access.ToJWT()
	if err != nil {
		return err
	}
	if t.Open {
		if raw, err = t.link(cfg, raw); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(env.stdout, raw)
	return err
}

// check validates the combination of flags.
func (t createToken) check() error {
	switch {
	case !t.any() && t.SHA256 == "":
		return errors.New("--join: the token has no grant; give --join, --create, --list, --admin, --record, --ingress-admin or another grant")
	case t.Join && t.Room == "":
		return errors.New("--room: --join needs the name of the room")
	case t.Join && t.Identity == "":
		return errors.New("--identity: --join needs an identity")
	case t.Admin && t.Room == "":
		return errors.New("--room: --admin needs the name of the room")
	case t.Destination != "" && !t.Admin:
		return errors.New("--destination-room needs --admin")
	case len(t.Details) > 0 && t.Kind == "":
		return errors.New("--kind-detail: it needs --kind")
	case t.Open && !t.Join:
		return errors.New("--open: only a token with --join has a link")
	case t.URL != "" && !t.Open:
		return errors.New("--url: it has no effect without --open")
	}
	return nil
}

// link returns a link to the server's /custom page, which joins a LiveKit server. jwt is the token in the link.
func (t createToken) link(cfg config.Config, jwt string) (string, error) {
	address, err := serverAddress(t.URL, cfg)
	if err != nil {
		return "", err
	}
	page, err := admin.HTTPAddress(address)
	if err != nil {
		return "", addressError(address)
	}
	socket, err := admin.SocketAddress(address)
	if err != nil {
		return "", addressError(address)
	}
	return page + "/custom?" + url.Values{"liveKitUrl": {socket}, "token": {jwt}}.Encode(), nil
}

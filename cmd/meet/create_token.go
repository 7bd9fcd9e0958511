package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"meet/internal/config"
	"meet/internal/token"
)

type createToken struct {
	keySettings
	APIKey    string `name:"api-key" help:"API key that signs; the first configured one unless set." placeholder:"KEY"`
	APISecret string `name:"api-secret" help:"Secret of --api-key." placeholder:"SECRET"`

	Join     bool              `help:"May join --room."`
	Room     string            `aliases:"r" help:"The room." placeholder:"NAME"`
	Identity string            `aliases:"p" help:"Who joins; unique in the room." placeholder:"ID"`
	R        string            `name:"r" hidden:"" help:"As --room; the spelling of early LiveKit tools."`
	P        string            `name:"p" hidden:"" help:"As --identity; likewise."`
	Name     string            `help:"The name others see; the identity unless set." placeholder:"NAME"`
	Metadata string            `help:"The participant's metadata." placeholder:"TEXT"`
	Attrs    map[string]string `name:"attributes" help:"The participant's attributes." placeholder:"KEY=VALUE;…"`
	Kind     string            `help:"standard, ingress, egress, sip, agent, connector or bridge." enum:",standard,ingress,egress,sip,agent,connector,bridge" default:"" placeholder:"KIND"`
	TTL      string            `name:"ttl" help:"How long the token is valid: seconds, or a span such as 90m, 5h or 2d." default:"6h"`

	CanPublish     *bool    `negatable:"" help:"May publish tracks; yes unless set."`
	CanSubscribe   *bool    `negatable:"" help:"May receive tracks; yes unless set."`
	CanPublishData *bool    `negatable:"" help:"May send data; as --can-publish unless set."`
	Sources        []string `name:"can-publish-source" help:"May publish from this source only; repeatable." enum:"camera,microphone,screen_share,screen_share_audio" placeholder:"SOURCE"`
	UpdateMetadata bool     `name:"can-update-own-metadata" help:"May change its own name, metadata and attributes."`
	Hidden         bool     `help:"Is not shown to others."`
	Recorder       bool     `help:"Is a recorder."`

	Create       bool `help:"May create and delete rooms."`
	List         bool `help:"May list rooms."`
	Admin        bool `help:"May control --room."`
	Record       bool `help:"May record rooms."`
	IngressAdmin bool `help:"May control ingresses."`
}

func (createToken) Help() string {
	return `It signs with --api-key, else the first configured key, else the key the server in the data folder made for itself.

Example:
  meet create-token --join --room myroom --identity ada --ttl 2d`
}

// Run prints the token, and nothing else, so that a script can take it.
func (t createToken) Run(w world) error {
	t.Room, t.Identity = cmp.Or(t.Room, t.R), cmp.Or(t.Identity, t.P)
	if err := t.check(); err != nil {
		return usageError{err}
	}
	ttl, err := token.ParseTTL(t.TTL)
	if err != nil {
		return usageError{fmt.Errorf("--ttl: got %q, want seconds or a span such as 90m, 5h or 2d", t.TTL)}
	}
	key, err := t.key(w)
	if err != nil {
		return err
	}
	raw, err := token.New(key.Name, key.Secret).
		SetIdentity(t.Identity).SetName(cmp.Or(t.Name, t.Identity)).SetMetadata(t.Metadata).SetAttributes(t.Attrs).SetKind(t.Kind).
		SetTTL(ttl).SetVideoGrant(t.grant()).ToJWT()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w.stdout, raw)
	return err
}

func (t createToken) check() error {
	switch {
	case !t.Join && !t.Create && !t.List && !t.Admin && !t.Record && !t.IngressAdmin:
		return errors.New("--join: a token must allow something; give --join, --create, --list, --admin, --record or --ingress-admin")
	case t.Join && t.Room == "":
		return errors.New("--room: --join needs the room's name")
	case t.Join && t.Identity == "":
		return errors.New("--identity: --join needs to know who joins")
	case t.Admin && t.Room == "":
		return errors.New("--room: --admin needs the room's name")
	case t.APIKey == "" && t.APISecret != "":
		return errors.New("--api-key: --api-secret needs the key it belongs to")
	case t.APIKey != "" && t.APISecret == "":
		return errors.New("--api-secret: --api-key needs its secret")
	}
	return nil
}

// key finds the pair that signs.
func (t createToken) key(w world) (config.Key, error) {
	if t.APIKey != "" {
		return config.Key{Name: t.APIKey, Secret: t.APISecret}, nil
	}
	cfg, err := load(w, t.Config, t.flags())
	if err != nil {
		return config.Key{}, err
	}
	keys := cfg.Keys
	if len(keys) == 0 {
		keys, err = config.ReadKeyFile(cfg.OwnKeyFile())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return config.Key{}, usageError{fmt.Errorf("--api-key: no key is configured and there is none in %s yet; start the server once, or give --api-key and --api-secret", cfg.DataDir)}
	}
	if err != nil {
		return config.Key{}, err
	}
	return keys[0], nil
}

func (t createToken) grant() token.VideoGrant {
	return token.VideoGrant{
		RoomJoin: t.Join, Room: t.Room, RoomCreate: t.Create, RoomList: t.List, RoomAdmin: t.Admin, RoomRecord: t.Record,
		IngressAdmin: t.IngressAdmin, CanPublish: t.CanPublish, CanSubscribe: t.CanSubscribe, CanPublishData: t.CanPublishData,
		CanPublishSources: t.Sources, CanUpdateOwnMetadata: t.UpdateMetadata, Hidden: t.Hidden, Recorder: t.Recorder,
	}
}

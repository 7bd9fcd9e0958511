package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"

	"meet/internal/token"
)

// grantFlags are the flags for a token's grants.
type grantFlags struct {
	Join           bool     `help:"Allow joining --room."`
	CanPublish     *bool    `negatable:"" help:"Allow publishing tracks; allowed unless set."`
	CanSubscribe   *bool    `negatable:"" help:"Allow subscribing to tracks; allowed unless set."`
	CanPublishData *bool    `negatable:"" help:"Allow sending data; same as --can-publish unless set."`
	Sources        []string `name:"can-publish-source" aliases:"allow-source" help:"Allow publishing from this source only; repeatable." enum:"camera,microphone,screen_share,screen_share_audio" placeholder:"SOURCE"`
	UpdateMetadata bool     `name:"can-update-own-metadata" aliases:"allow-update-metadata" help:"Allow changing the participant's own name, metadata and attributes."`
	Metrics        bool     `name:"can-subscribe-metrics" help:"Allow receiving the metrics of other participants."`
	AgentSession   bool     `name:"can-manage-agent-session" help:"Allow managing the session of an agent."`
	Hidden         bool     `help:"Hide the participant from others."`
	Recorder       bool     `help:"Mark the participant as a recorder."`

	Create       bool   `help:"Allow creating and deleting rooms."`
	List         bool   `help:"Allow listing rooms."`
	Admin        bool   `help:"Allow controlling --room."`
	Destination  string `name:"destination-room" help:"With --admin: allow moving and forwarding participants to this room." placeholder:"NAME"`
	Record       bool   `aliases:"egress" help:"Allow recording rooms."`
	IngressAdmin bool   `aliases:"ingress" help:"Allow controlling ingresses."`

	Worker          bool `name:"agent-worker" help:"Allow registering as an agent worker."`
	AgentAdmin      bool `help:"Allow controlling agents."`
	SimulationAdmin bool `name:"agent-simulation-admin" help:"Allow controlling simulations of agents."`
	SIPAdmin        bool `name:"sip-admin" help:"Allow controlling SIP trunks and dispatch rules."`
	SIPCall         bool `name:"sip-call" help:"Allow making telephone calls."`
	Inference       bool `help:"Allow using hosted models."`
	Observability   bool `name:"observability-write" help:"Allow writing traces and logs."`
}

// any reports whether the flags grant anything. Flags such as --can-publish do not count: they have no effect without
// --join.
func (g grantFlags) any() bool {
	return g.Join || g.Create || g.List || g.Admin || g.Record || g.IngressAdmin || g.Worker || g.AgentAdmin || g.SimulationAdmin ||
		g.SIPAdmin || g.SIPCall || g.Inference || g.Observability
}

// grant adds the grants of the flags to a token. room is the room that they apply to.
func (g grantFlags) grant(t *token.AccessToken, room string) {
	t.SetVideoGrant(token.VideoGrant{
		RoomJoin: g.Join, Room: room, RoomCreate: g.Create, RoomList: g.List, RoomAdmin: g.Admin, RoomRecord: g.Record,
		IngressAdmin: g.IngressAdmin, CanPublish: g.CanPublish, CanSubscribe: g.CanSubscribe, CanPublishData: g.CanPublishData,
		CanPublishSources: g.Sources, CanUpdateOwnMetadata: g.UpdateMetadata, CanSubscribeMetrics: g.Metrics,
		CanManageAgentSession: g.AgentSession, Hidden: g.Hidden, Recorder: g.Recorder, Agent: g.Worker, DestinationRoom: g.Destination,
	})
	if g.SIPAdmin || g.SIPCall {
		t.SetSIPGrant(token.SIPGrant{Admin: g.SIPAdmin, Call: g.SIPCall})
	}
	if g.AgentAdmin || g.SimulationAdmin {
		t.SetAgentGrant(token.AgentGrant{Admin: g.AgentAdmin, SimulationAdmin: g.SimulationAdmin})
	}
	if g.Inference {
		t.SetInferenceGrant(token.InferenceGrant{Perform: true})
	}
	if g.Observability {
		t.SetObservabilityGrant(token.ObservabilityGrant{Write: true})
	}
}

// roomConfigFlags are the flags for the configuration of the room, which applies if joining with the token creates
// the room.
type roomConfigFlags struct {
	RoomConfig  string `name:"room-config" aliases:"room-configuration" help:"Configuration of the room, if joining creates it: LiveKit's RoomConfiguration as JSON, or @FILE to read it from a file." placeholder:"JSON"`
	RoomPreset  string `help:"Name of a room configuration on the server." placeholder:"NAME"`
	Agent       string `help:"Name of an agent to dispatch to the room, if joining creates it." placeholder:"NAME"`
	JobMetadata string `help:"Metadata for the job of --agent." placeholder:"TEXT"`
}

// roomConfig returns the room configuration as JSON, or nil if there is none. Unknown fields are an error, because a
// server would ignore them.
func (f roomConfigFlags) roomConfig() (json.RawMessage, error) {
	var config livekit.RoomConfiguration
	switch text := f.RoomConfig; {
	case f.JobMetadata != "" && f.Agent == "":
		return nil, errors.New("--job-metadata: it needs --agent")
	case text == "" && f.Agent == "":
		return nil, nil
	case text != "":
		if file, isFile := strings.CutPrefix(text, "@"); isFile {
			raw, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("--room-config: %w", err)
			}
			text = string(raw)
		}
		if err := protojson.Unmarshal([]byte(text), &config); err != nil {
			return nil, fmt.Errorf(`--room-config: got no valid RoomConfiguration of LiveKit, want JSON such as {"maxParticipants": 10} (%w)`, err)
		}
	}
	if f.Agent != "" {
		config.Agents = append(config.Agents, &livekit.RoomAgentDispatch{AgentName: f.Agent, Metadata: f.JobMetadata})
	}
	return protojson.Marshal(&config)
}

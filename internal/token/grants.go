package token

import (
	"encoding/json"
	"slices"
	"time"
)

// TestRoomPrefix begins the name of every room of a connection test, which is no meeting: it leaves no record, and neither
// webhooks nor agents are notified of it.
const TestRoomPrefix = "connection-test-"

// Keys maps API keys to their secrets. All of them are valid at the same time.
type Keys map[string]string

// ClaimGrants holds the claims of a token: who its bearer is, and what the bearer may do.
type ClaimGrants struct {
	Identity      string              `json:"identity,omitempty"`
	Name          string              `json:"name,omitempty"`
	Kind          string              `json:"kind,omitempty"` // standard, ingress, egress, sip, agent, connector or bridge; "" is standard
	KindDetails   []string            `json:"kindDetails,omitempty"`
	Metadata      string              `json:"metadata,omitempty"`
	Attributes    map[string]string   `json:"attributes,omitempty"`
	Video         *VideoGrant         `json:"video,omitempty"`
	SIP           *SIPGrant           `json:"sip,omitempty"`
	Agent         *AgentGrant         `json:"agent,omitempty"`
	Inference     *InferenceGrant     `json:"inference,omitempty"`
	Observability *ObservabilityGrant `json:"observability,omitempty"`
	RoomConfig    json.RawMessage     `json:"roomConfig,omitempty"` // livekit.RoomConfiguration as proto JSON
	RoomPreset    string              `json:"roomPreset,omitempty"`
	SHA256        string              `json:"sha256,omitempty"` // base64 sum of a webhook's body

	// Family is an ID that a token and all tokens renewed from it share. If the claim is absent, Verify and Read derive
	// the ID from the token.
	Family string `json:"meetFamily,omitempty"`
	// Guest marks a token that this server issued to a requester that it could not identify, and all tokens renewed from
	// it. Other tokens come from a back end that has the API key's secret.
	Guest bool `json:"meetGuest,omitempty"`

	// Backup allows a backup of the server, which contains its API keys. It is valid only in a token without a video grant.
	Backup bool `json:"meetBackup,omitempty"`

	Issuer    string    `json:"-"` // API key; like the times below, set by Verify and Read
	IssuedAt  time.Time `json:"-"` // iat; nbf if there is no iat; zero if there is neither; Renew does not change it
	NotBefore time.Time `json:"-"` // zero without nbf
	ExpiresAt time.Time `json:"-"` // zero without exp, which Verify refuses
}

// VideoGrant holds the rights in rooms. Some rights are optional: their fields may be nil. Use the methods MayPublish,
// MaySubscribe and MayPublishData for them, because these return the right's default if the field is nil.
type VideoGrant struct {
	RoomCreate   bool `json:"roomCreate,omitempty"`
	RoomList     bool `json:"roomList,omitempty"`
	RoomRecord   bool `json:"roomRecord,omitempty"`
	IngressAdmin bool `json:"ingressAdmin,omitempty"`

	RoomAdmin bool   `json:"roomAdmin,omitempty"`
	RoomJoin  bool   `json:"roomJoin,omitempty"`
	Room      string `json:"room,omitempty"`

	CanPublish        *bool    `json:"canPublish,omitempty"`
	CanSubscribe      *bool    `json:"canSubscribe,omitempty"`
	CanPublishData    *bool    `json:"canPublishData,omitempty"`
	CanPublishSources []string `json:"canPublishSources,omitempty"` // camera, microphone, screen_share, screen_share_audio

	CanUpdateOwnMetadata  bool `json:"canUpdateOwnMetadata,omitempty"`
	CanSubscribeMetrics   bool `json:"canSubscribeMetrics,omitempty"`
	CanManageAgentSession bool `json:"canManageAgentSession,omitempty"`

	Hidden   bool `json:"hidden,omitempty"`
	Recorder bool `json:"recorder,omitempty"`
	Agent    bool `json:"agent,omitempty"`

	DestinationRoom string `json:"destinationRoom,omitempty"`
}

// UnmarshalJSON also accepts canUpdateMetadata, the name that the Elixir SDK uses for canUpdateOwnMetadata.
func (g *VideoGrant) UnmarshalJSON(b []byte) error {
	type plain VideoGrant
	var v struct {
		plain
		CanUpdateMetadata bool `json:"canUpdateMetadata"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*g = VideoGrant(v.plain)
	g.CanUpdateOwnMetadata = g.CanUpdateOwnMetadata || v.CanUpdateMetadata
	return nil
}

// MayPublish reports whether the bearer may publish tracks. The default is true.
func (g *VideoGrant) MayPublish() bool { return g.CanPublish == nil || *g.CanPublish }

// MaySubscribe reports whether the bearer may receive tracks. The default is true.
func (g *VideoGrant) MaySubscribe() bool { return g.CanSubscribe == nil || *g.CanSubscribe }

// MayPublishData reports whether the bearer may send data. The default is the result of MayPublish.
func (g *VideoGrant) MayPublishData() bool {
	if g.CanPublishData == nil {
		return g.MayPublish()
	}
	return *g.CanPublishData
}

// MayPublishSource reports whether the bearer may publish tracks of the given source. Sources have the names that
// CanPublishSources contains.
func (g *VideoGrant) MayPublishSource(source string) bool {
	return g.MayPublish() && (len(g.CanPublishSources) == 0 || slices.Contains(g.CanPublishSources, source))
}

// SIPGrant holds the rights for telephony.
type SIPGrant struct {
	Admin bool `json:"admin,omitempty"`
	Call  bool `json:"call,omitempty"`
}

// AgentGrant holds the rights for agents.
type AgentGrant struct {
	Admin           bool `json:"admin,omitempty"`
	SimulationAdmin bool `json:"simulationAdmin,omitempty"`
}

// InferenceGrant holds the rights for hosted models.
type InferenceGrant struct {
	Perform bool `json:"perform,omitempty"`
}

// ObservabilityGrant holds the rights for traces and logs.
type ObservabilityGrant struct {
	Write bool `json:"write,omitempty"`
}

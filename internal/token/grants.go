package token

import (
	"encoding/json"
	"slices"
	"time"
)

// Keys maps an API key to its secret. Several are valid at once.
type Keys map[string]string

// ClaimGrants is what a token says about its bearer.
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

	// Family names a token together with all tokens refreshed from it. Verify derives it for a token that has none.
	Family string `json:"meetFamily,omitempty"`
	// Guest marks a token that this server issued to a requester it cannot identify. A token without it comes from a back
	// end, which holds the API key's secret, or was refreshed from such a token.
	Guest bool `json:"meetGuest,omitempty"`

	Issuer    string    `json:"-"` // the API key that signed, set by Verify and Read, as are the times
	IssuedAt  time.Time `json:"-"` // its iat, else its nbf, else zero; a refreshed token has that of the first
	NotBefore time.Time `json:"-"` // zero if it does not say
	ExpiresAt time.Time `json:"-"` // zero only when Read from a token that does not say
}

// VideoGrant is what the bearer may do with rooms. An optional right that is nil has the default its method gives.
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

// UnmarshalJSON also takes canUpdateMetadata, the name under which the Elixir SDK writes canUpdateOwnMetadata.
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

// MayPublish reports whether the bearer may publish tracks at all; true unless the token says no.
func (g *VideoGrant) MayPublish() bool { return g.CanPublish == nil || *g.CanPublish }

// MaySubscribe reports whether the bearer may receive tracks; true unless the token says no.
func (g *VideoGrant) MaySubscribe() bool { return g.CanSubscribe == nil || *g.CanSubscribe }

// MayPublishData reports whether the bearer may send data; as MayPublish unless the token says otherwise.
func (g *VideoGrant) MayPublishData() bool {
	if g.CanPublishData == nil {
		return g.MayPublish()
	}
	return *g.CanPublishData
}

// MayPublishSource reports whether the bearer may publish from a source, spelled as in CanPublishSources.
func (g *VideoGrant) MayPublishSource(source string) bool {
	return g.MayPublish() && (len(g.CanPublishSources) == 0 || slices.Contains(g.CanPublishSources, source))
}

// SIPGrant is what the bearer may do with telephone calls.
type SIPGrant struct {
	Admin bool `json:"admin,omitempty"`
	Call  bool `json:"call,omitempty"`
}

// AgentGrant is what the bearer may do with agents.
type AgentGrant struct {
	Admin           bool `json:"admin,omitempty"`
	SimulationAdmin bool `json:"simulationAdmin,omitempty"`
}

// InferenceGrant is what the bearer may do with hosted models.
type InferenceGrant struct {
	Perform bool `json:"perform,omitempty"`
}

// ObservabilityGrant is what the bearer may do with traces and logs.
type ObservabilityGrant struct {
	Write bool `json:"write,omitempty"`
}

package rtc

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
	"meet/internal/name"
)

// JoinRequest describes a participant by its token and its client's first message.
type JoinRequest struct {
	Room       string
	Info       *livekit.ParticipantInfo // identity, name, metadata, attributes, kind, permission
	Identity   string                   // the same as Info.Identity
	Client     *livekit.ClientInfo
	Token      Credential
	RoomConfig *livekit.RoomConfiguration

	AutoSubscribe     bool
	AutoSubscribeData bool // to data tracks
	SinglePC          bool // the client sent a join request: one connection, on which it offers
	FullICE           bool // the client asked for full ICE instead of ICE-lite
	Loopback          bool // it reached us over loopback
	NeverPause        bool // video is not to be paused if the bandwidth does not suffice
	RemoteIP          string

	AddTracks []*livekit.AddTrackRequest
	Offer     *livekit.SessionDescription

	Reconnect bool
	Reason    livekit.ReconnectReason
	SID       string // of the participant to resume
}

// Limits of what a client may say of itself, in bytes: LiveKit's (docs/protocol.md, 0.4).
const (
	maxMetadata   = 512 << 10
	maxAttributes = 64 << 10
)

func (req *JoinRequest) validate() error {
	if req.Room == "" {
		return fault.New(fault.Invalid, "the token names no room")
	}
	if req.Identity == "" {
		return fault.New(fault.Invalid, "the token names no identity")
	}
	if err := validateRoomName(req.Room); err != nil {
		return err
	}
	if err := validateName("the identity", req.Identity); err != nil {
		return err
	}
	if name.Visible(req.Identity) == "" {
		return fault.New(fault.Invalid, "the identity has no character that can be seen")
	}
	if err := validateName("the display name", req.Info.Name); err != nil {
		return err
	}
	return validateMetadata(req.Info.Metadata, req.Info.Attributes)
}

// validateRoomName refuses every form of a name but the one by which rooms are looked up.
func validateRoomName(room string) error {
	clean, err := name.Room(room)
	if err == nil && clean != room {
		err = fault.New(fault.Invalid, "the room's name is not in the form that rooms have")
	}
	return err
}

func validateName(what, value string) error {
	switch {
	case len(value) > name.MaxBytes:
		return fault.New(fault.Invalid, fmt.Sprintf("%s has %d bytes; at most %d are allowed", what, len(value), name.MaxBytes))
	case !utf8.ValidString(value):
		return fault.New(fault.Invalid, what+" is not valid UTF-8 text")
	case strings.ContainsFunc(value, unicode.IsControl):
		return fault.New(fault.Invalid, what+" holds a control character; use visible characters only")
	}
	return nil
}

func validateMetadata(metadata string, attributes map[string]string) error {
	if len(metadata) > maxMetadata {
		return fault.New(fault.Invalid, fmt.Sprintf("the metadata has %d bytes; at most %d are allowed", len(metadata), maxMetadata))
	}
	size := 0
	for k, v := range attributes {
		size += len(k) + len(v)
	}
	if size > maxAttributes {
		return fault.New(fault.Invalid, fmt.Sprintf("the attributes have %d bytes; at most %d are allowed", size, maxAttributes))
	}
	return nil
}

// dependent reports whether the participant only serves others: it is not counted and does not hold a room open.
func (req *JoinRequest) dependent() bool {
	k, perm := req.Info.Kind, req.Info.Permission
	return k == livekit.ParticipantInfo_AGENT || k == livekit.ParticipantInfo_EGRESS || perm.GetAgent() || perm.GetRecorder()
}

// begin sends the first messages in the order that clients need (docs/protocol.md, 2.1): the join, then the tracks, then
// the answers to the requests that came with the join.
func (p *Participant) sendInitialMessages() {
	p.info.State = livekit.ParticipantInfo_JOINED
	p.send(joinMessage(p.joinResponse()))
	p.conn.deadline = p.room.after(joinTimeout, func() {
		if p.info.State != livekit.ParticipantInfo_ACTIVE {
			p.log.Info("join timed out")
			p.room.remove(p, livekit.DisconnectReason_JOIN_FAILURE)
		}
	})
	if p.info.Metadata != "" || len(p.info.Attributes) > 0 {
		p.room.announce(p, false)
	} else {
		p.room.after(p.room.rooms.opts.announceDelay, p.announceIfNew)
	}
	p.room.reconcile(p)
	p.data.reconcile()
	if p.conn.single {
		for _, t := range p.req.AddTracks {
			p.publishing.addTrack(t)
		}
		if p.req.Offer.GetSdp() != "" {
			p.publishing.handleOffer(p.req.Offer)
		}
	} else if p.conn.subscriberFirst {
		p.data.openChannels()
		p.room.dirtyTransports[p] = true // the first offer goes out with or without tracks
	}
	p.refreshToken()
}

// defaultAnnounceDelay is the time after which others learn of a participant whose media has not connected: LiveKit sends
// updates about all participants that publish nothing every 3 s (pkg/rtc/room.go). Most connect sooner, and are announced
// once, as active.
const defaultAnnounceDelay = 3 * time.Second

// introduce announces p if it has never been announced.
func (p *Participant) announceIfNew() {
	if !p.closed && p.info.Version == 0 {
		p.room.announce(p, false)
	}
}

// joinTimeout is how long a participant may take from joining to a working connection.
const joinTimeout = time.Minute

// Liveness of the signalling connection as announced to clients, in seconds.
const (
	pingInterval = 5
	pingTimeout  = 15
)

func (p *Participant) joinResponse() *livekit.JoinResponse {
	r := p.room
	server := proto.CloneOf(r.rooms.opts.ServerInfo)
	return &livekit.JoinResponse{
		Room:                 r.snapshot(),
		Participant:          p.snapshot(),
		OtherParticipants:    p.otherParticipants(),
		ServerVersion:        server.GetVersion(),
		ServerInfo:           server,
		SubscriberPrimary:    p.conn.subscriberFirst,
		ClientConfiguration:  p.quirks.configuration(),
		PingInterval:         pingInterval,
		PingTimeout:          pingTimeout,
		SifTrailer:           r.sifTrailer,
		EnabledPublishCodecs: p.quirks.publishable,
		FastPublish:          p.info.Permission.GetCanPublish() && !p.conn.prefersTCP(),
		// No ICE servers: every address of ours is one that the client can reach or not, whatever it knows of its own.
	}
}

// others returns the participants that p learns of as it joins.
func (p *Participant) otherParticipants() []*livekit.ParticipantInfo {
	var all []*livekit.ParticipantInfo
	for _, o := range p.room.participants {
		if o != p && !o.hidden() {
			all = append(all, o.snapshot())
		}
	}
	return all
}

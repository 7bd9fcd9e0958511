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
	"meet/internal/peer"
)

// JoinRequest describes a joining or resuming participant, by its token and its client's first message.
type JoinRequest struct {
	Room       string
	Info       *livekit.ParticipantInfo // identity, name, metadata, attributes, kind, permission
	Identity   string                   // equal to Info.Identity
	Client     *livekit.ClientInfo
	Token      Credential
	RoomConfig *livekit.RoomConfiguration

	AutoSubscribe     bool // subscribe to media tracks without being asked
	AutoSubscribeData bool // subscribe to data tracks without being asked
	SinglePC          bool // use one peer connection, on which the client makes the offers
	FullICE           bool // use full ICE instead of ICE-lite, as the client asked
	Loopback          bool // the client reached us over the loopback interface
	NeverPause        bool // do not pause video when the bandwidth does not suffice
	RemoteIP          string
	Host              string // host name or IP address by which the client reaches the server, without a port
	TLSPort           int    // port at which the client reaches the server by TLS; 0 if it does not, or through a proxy that terminates TLS

	AddTracks []*livekit.AddTrackRequest
	Offer     *livekit.SessionDescription

	Reconnect bool
	Reason    livekit.ReconnectReason
	SID       string // ID of the participant to resume
}

// Maximum sizes of a participant's metadata and attributes in bytes. The numbers are LiveKit's (docs/protocol.md, 0.4).
const (
	maxMetadata   = 512 << 10
	maxAttributes = 64 << 10
)

// validate returns an error if the request lacks a required field or a field exceeds its limits.
func (req *JoinRequest) validate() error {
	if req.Room == "" {
		return fault.New(fault.Invalid, "the token does not name a room; add the room to its video grant")
	}
	if req.Identity == "" {
		return fault.New(fault.Invalid, "the token does not name an identity; set one")
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

// validateRoomName returns an error if room is not a valid name in normalized form. Rooms are looked up by their
// normalized names.
func validateRoomName(room string) error {
	clean, err := name.Room(room)
	if err == nil && clean != room {
		err = fault.New(fault.Invalid, "the room's name is not normalized: use Unicode NFC without invisible characters and surrounding spaces")
	}
	return err
}

// validateName returns an error if value is too long, not valid UTF-8 or contains control characters. label names the
// value in the error.
func validateName(label, value string) error {
	switch {
	case len(value) > name.MaxBytes:
		return fault.New(fault.Invalid, fmt.Sprintf("%s has %d bytes; at most %d are allowed", label, len(value), name.MaxBytes))
	case !utf8.ValidString(value):
		return fault.New(fault.Invalid, label+" is not valid UTF-8 text")
	case strings.ContainsFunc(value, unicode.IsControl):
		return fault.New(fault.Invalid, label+" contains a control character; use visible characters only")
	}
	return nil
}

// validateMetadata returns an error if the metadata or the attributes are too long.
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

// dependent reports whether the participant is an agent or a recorder, which only serve the other participants. An
// agent or recorder is not counted and does not keep a room open.
func (req *JoinRequest) dependent() bool {
	k, perm := req.Info.Kind, req.Info.Permission
	return k == livekit.ParticipantInfo_AGENT || k == livekit.ParticipantInfo_EGRESS || perm.GetAgent() || perm.GetRecorder()
}

// sendInitialMessages sends a new participant's first messages in the order that clients need (docs/protocol.md, 2.1):
// the join response, then the tracks, then the answers to requests that came with the join.
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
		p.room.dirtyTransports[p] = true // the first offer is sent even if there is no track to offer
	}
	p.refreshToken()
}

// defaultAnnounceDelay is the time after which a participant whose media has not connected is announced to the others.
// LiveKit sends updates about participants that publish nothing every 3 s (pkg/rtc/room.go). Most participants connect
// sooner, so they are announced only once, as active.
const defaultAnnounceDelay = 3 * time.Second

// announceIfNew announces p if that has not been done yet.
func (p *Participant) announceIfNew() {
	if !p.closed && p.info.Version == 0 {
		p.room.announce(p, false)
	}
}

// joinTimeout is the maximum time from the join to an established media connection.
const joinTimeout = time.Minute

// Interval of the client's pings on the signalling connection, and the time after which it considers the connection
// lost, in seconds. They are sent to the client at the join.
const (
	pingInterval = 5
	pingTimeout  = 15
)

// joinResponse returns the first message to a new participant.
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
		ClientConfiguration:  p.conn.configuration(),
		IceServers:           p.conn.iceServers(),
		PingInterval:         pingInterval,
		PingTimeout:          pingTimeout,
		SifTrailer:           r.sifTrailer,
		EnabledPublishCodecs: p.quirks.publishable,
		FastPublish:          p.info.Permission.GetCanPublish() && p.conn.path() == peer.AnyPath,
	}
}

// otherParticipants returns the states of the other participants that are not hidden.
func (p *Participant) otherParticipants() []*livekit.ParticipantInfo {
	var all []*livekit.ParticipantInfo
	for _, o := range p.room.participants {
		if o != p && !o.hidden() {
			all = append(all, o.snapshot())
		}
	}
	return all
}

package loadtest

import (
	"errors"
	"fmt"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/internal/token"
)

// Plan describes a load test. A plan is executed completely or refused by Validate.
type Plan struct {
	URL, Key, Secret string
	Room             string // name of the room; with several rooms, the prefix of their names
	Rooms            int

	// These are the numbers of participants in each room: participants that publish video, participants that publish
	// audio, and participants that only subscribe.
	VideoPublishers, AudioPublishers, Subscribers int
	// Layout is the screen of each subscriber. The zero value shows all video tracks.
	Layout    Layout
	Simulcast bool // publish three layers; subscribers receive the layer for the tile's size

	// Video has FrameRate frames a second. Each frame has PacketsPerFrame packets of PacketSize bytes, sent back to
	// back.
	FrameRate, PacketsPerFrame, PacketSize int

	JoinRate float64 // joins a second; 0 for one after another
	Settle   time.Duration
	Duration time.Duration // of the measurement

	SinglePC bool
	Feedback bool // send RTCP reports, NACKs and transport feedback, as browsers do
	PID      int  // process id of the server on this machine, or 0 to measure no CPU time and memory
}

const (
	// maxParticipants is the largest number of participants of a run. One machine does not have enough free ports for
	// more.
	maxParticipants = 10_000
	// minPacketSize is the smallest video packet in bytes: it contains the VP8 header and the send time.
	minPacketSize = vp8HeaderSize + timestampSize
)

// Validate returns an error for each invalid value, with the name of its flag.
func (p *Plan) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(p.Rooms >= 1, "--rooms: got %d, want at least one", p.Rooms)
	check(p.VideoPublishers >= 0 && p.AudioPublishers >= 0 && p.VideoPublishers+p.AudioPublishers > 0, "--publishers: got %d and %d --audio-publishers, want at least one", p.VideoPublishers, p.AudioPublishers)
	check(p.Subscribers >= 0, "--subscribers: got %d, want a number of participants", p.Subscribers)
	people := p.Rooms * (p.VideoPublishers + p.AudioPublishers + p.Subscribers)
	check(people <= maxParticipants, "--subscribers: that makes %d participants, want at most %d", people, maxParticipants)
	check(p.Layout == Layout{} || p.VideoPublishers > 0, "--layout: nobody publishes video; give --publishers too")
	check(p.FrameRate >= 1 && p.FrameRate <= 120, "--frames: got %d, want 1 to 120 frames a second", p.FrameRate)
	check(p.PacketsPerFrame >= 1 && p.PacketsPerFrame <= 500, "--packets: got %d, want 1 to 500 packets for each frame", p.PacketsPerFrame)
	check(p.PacketSize >= minPacketSize && p.PacketSize <= 1200, "--size: got %d, want %d to 1200 bytes", p.PacketSize, minPacketSize)
	check(p.JoinRate >= 0, "--ramp: got %v, want joins a second", p.JoinRate)
	check(p.Settle >= 0, "--settle: got %v, want a duration such as 3s", p.Settle)
	check(p.Duration > 0, "--duration: got %v, want a duration such as 20s", p.Duration)
	if _, err := residentBytes(p.PID); err != nil {
		check(false, "--pid: there is no process %d on this machine whose CPU time and memory can be read", p.PID)
	}
	return errors.Join(errs...)
}

// subscribedQualities returns the qualities of the video tracks that each subscriber receives, highest first.
func (p *Plan) subscribedQualities() []livekit.VideoQuality {
	if p.Layout == (Layout{}) {
		return EqualTiles(p.VideoPublishers).qualities(p.VideoPublishers)
	}
	return p.Layout.qualities(p.VideoPublishers)
}

// layerPackets returns the number of packets of a frame in each layer, lowest quality first. A layer has a third of
// the packets of the next higher layer. Without simulcast, all three numbers are the same.
func (p *Plan) layerPackets() [3]int {
	if !p.Simulcast {
		return [3]int{p.PacketsPerFrame, p.PacketsPerFrame, p.PacketsPerFrame}
	}
	return [3]int{max(1, p.PacketsPerFrame/9), max(1, p.PacketsPerFrame/3), p.PacketsPerFrame}
}

// expectedRate returns the number of packets that all subscribers together should receive in a second.
func (p *Plan) expectedRate() float64 {
	each, packets := p.AudioPublishers*audioPacketRate, p.layerPackets()
	for _, quality := range p.subscribedQualities() {
		each += p.FrameRate * packets[quality]
	}
	return float64(p.Rooms * p.Subscribers * each)
}

// roomName returns the name of the room with number n.
func (p *Plan) roomName(n int) string {
	if p.Rooms == 1 {
		return p.Room
	}
	return fmt.Sprint(p.Room, "-", n)
}

// clientOptions returns the options of all clients.
func (p *Plan) clientOptions() client.Options {
	return client.Options{SinglePC: p.SinglePC, NoInterceptors: !p.Feedback, HostOnly: true, SettingEngine: useUDPv4Only}
}

// useUDPv4Only restricts ICE to UDP over IPv4, so that other candidates do not affect the measurement.
func useUDPv4Only(s *webrtc.SettingEngine) {
	s.DisableActiveTCP(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
}

// token returns an access token for a room.
func (p *Plan) token(room, identity string, publish bool) (string, error) {
	grant := token.VideoGrant{RoomJoin: true, Room: room, CanPublish: &publish}
	return token.New(p.Key, p.Secret).SetIdentity(identity).SetVideoGrant(grant).ToJWT()
}

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

// Plan is what to do. What it asks for is done or refused, never less.
type Plan struct {
	URL, Key, Secret string
	Room             string // of more than one room, the beginning of their names
	Rooms            int

	// Of each room: who publish a picture, who publish sound, and who only receive.
	VideoPublishers, AudioPublishers, Subscribers int
	// Layout is the subscribers' screen; the zero one shows all pictures.
	Layout    Layout
	Simulcast bool // pictures in three layers, of which subscribers get the one that fits its place

	// A picture has Packets packets of Size bytes, sent at once, Frames times a second.
	FrameRate, PacketsPerFrame, PacketSize int

	JoinRate float64 // joins a second, 0 for as fast as the server lets people in
	Settle   time.Duration
	Duration time.Duration // of measuring

	SinglePC bool
	Feedback bool // reports, NACKs and transport feedback, as browsers send
	PID      int  // of the server's process on this machine, 0 to leave its cost out
}

const (
	// maxParticipants bounds the people of one run: more do not fit on the ports of one machine.
	maxParticipants = 10_000
	// minPacketSize is what a packet must hold: the header of a picture and the moment at which it was sent.
	minPacketSize = vp8HeaderSize + timestampSize
)

// Validate says what is wrong with a plan, by the names of its flags.
func (p *Plan) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(p.Rooms >= 1, "--rooms: got %d, want at least one", p.Rooms)
	check(p.VideoPublishers >= 0 && p.AudioPublishers >= 0 && p.VideoPublishers+p.AudioPublishers > 0, "--publishers: got %d and %d --audio-publishers, want at least one", p.VideoPublishers, p.AudioPublishers)
	check(p.Subscribers >= 0, "--subscribers: got %d, want a number of people", p.Subscribers)
	people := p.Rooms * (p.VideoPublishers + p.AudioPublishers + p.Subscribers)
	check(people <= maxParticipants, "--subscribers: that makes %d people, want at most %d", people, maxParticipants)
	check(p.Layout == Layout{} || p.VideoPublishers > 0, "--layout: nobody publishes a picture; give --publishers too")
	check(p.FrameRate >= 1 && p.FrameRate <= 120, "--frames: got %d, want 1 to 120 a second", p.FrameRate)
	check(p.PacketsPerFrame >= 1 && p.PacketsPerFrame <= 500, "--packets: got %d, want 1 to 500 for each picture", p.PacketsPerFrame)
	check(p.PacketSize >= minPacketSize && p.PacketSize <= 1200, "--size: got %d, want %d to 1200 bytes", p.PacketSize, minPacketSize)
	check(p.JoinRate >= 0, "--ramp: got %v, want joins a second", p.JoinRate)
	check(p.Settle >= 0, "--settle: got %v, want a span such as 3s", p.Settle)
	check(p.Duration > 0, "--duration: got %v, want a span such as 20s", p.Duration)
	if _, err := residentBytes(p.PID); err != nil {
		check(false, "--pid: there is no process %d on this machine whose figures can be read", p.PID)
	}
	return errors.Join(errs...)
}

// subscribedQualities is the layers of the pictures that each subscriber receives, largest first.
func (p *Plan) subscribedQualities() []livekit.VideoQuality {
	if p.Layout == (Layout{}) {
		return EqualTiles(p.VideoPublishers).qualities(p.VideoPublishers)
	}
	return p.Layout.qualities(p.VideoPublishers)
}

// layerPackets is how many packets a picture has in each layer, smallest first: a third of the next larger one's.
// Without simulcast all are the same.
func (p *Plan) layerPackets() [3]int {
	if !p.Simulcast {
		return [3]int{p.PacketsPerFrame, p.PacketsPerFrame, p.PacketsPerFrame}
	}
	return [3]int{max(1, p.PacketsPerFrame/9), max(1, p.PacketsPerFrame/3), p.PacketsPerFrame}
}

// expectedRate is how many packets a second all subscribers together should receive.
func (p *Plan) expectedRate() float64 {
	each, packets := p.AudioPublishers*audioPacketRate, p.layerPackets()
	for _, quality := range p.subscribedQualities() {
		each += p.FrameRate * packets[quality]
	}
	return float64(p.Rooms * p.Subscribers * each)
}

func (p *Plan) roomName(n int) string {
	if p.Rooms == 1 {
		return p.Room
	}
	return fmt.Sprint(p.Room, "-", n)
}

func (p *Plan) clientOptions() client.Options {
	return client.Options{SinglePC: p.SinglePC, NoInterceptors: !p.Feedback, HostOnly: true, SettingEngine: useUDPv4Only}
}

// useUDPv4Only keeps what does not matter here out of the measurement.
func useUDPv4Only(s *webrtc.SettingEngine) {
	s.DisableActiveTCP(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
}

func (p *Plan) token(room, identity string, publish bool) (string, error) {
	grant := token.VideoGrant{RoomJoin: true, Room: room, CanPublish: &publish}
	return token.New(p.Key, p.Secret).SetIdentity(identity).SetVideoGrant(grant).ToJWT()
}

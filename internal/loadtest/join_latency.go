package loadtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
)

// population describes the participants that are in a room before the measured joins.
type population struct {
	name      string
	video     int // number of participants that publish video; all of them subscribe too
	audio     int // number of participants that publish audio, mostly silence, as in a meeting
	listeners int
}

// populations are the rooms in which joins are measured. The first is the smallest possible.
var populations = []population{
	{name: "two participants", video: 1},
	{name: "100 participants, 10 video tracks", video: 10, listeners: 89},
	{name: "100 participants, 98 audio tracks", video: 1, audio: 98},
}

// joinTimes are the times of one join, from its start.
type joinTimes struct {
	connected     time.Duration // until the transport is connected
	firstPacket   time.Duration // until the first video packet arrives
	firstKeyFrame time.Duration // until one video track has a complete key frame
	allKeyFrames  time.Duration // until all video tracks have a complete key frame
}

// JoinTimes summarises the joins of one room. All times are measured from the start of the join.
type JoinTimes struct {
	Room          string      `json:"room"`
	Joins         int         `json:"joins"`
	Connected     Percentiles `json:"connected"` // until the transport is connected
	FirstPacket   Percentiles `json:"packet"`    // until the first video packet
	FirstKeyFrame Percentiles `json:"key_frame"` // until the first complete key frame
	AllKeyFrames  Percentiles `json:"all"`       // until all video tracks have a complete key frame
}

// JoinReport is the result of MeasureJoins, with one element for each room.
type JoinReport []JoinTimes

// String returns a table of the medians.
func (r JoinReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s %10s %10s %10s %10s   medians, ms\n", "room", "connected", "packet", "key frame", "all")
	for _, w := range r {
		fmt.Fprintf(&b, "%-34s %10.1f %10.1f %10.1f %10.1f   of %d joins\n", w.Room, w.Connected.P50, w.FirstPacket.P50, w.FirstKeyFrame.P50, w.AllKeyFrames.P50, w.Joins)
	}
	return b.String()
}

// MeasureJoins fills rooms of several sizes and measures how long joins take. In every round, one participant joins
// each room and leaves it again.
func MeasureJoins(ctx context.Context, p Plan, rounds int, progress func(string)) (JoinReport, error) {
	return p.measureJoins(ctx, populations, rounds, progress)
}

// measureJoins does the work of MeasureJoins with the given populations.
func (p *Plan) measureJoins(ctx context.Context, crowds []population, rounds int, progress func(string)) (report JoinReport, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	var clients []*client.Client
	defer func() {
		cancel()
		sending.Wait()
		err = errors.Join(err, leaveAll(clients))
	}()
	base := p.Room
	for n, c := range crowds {
		p.Room = fmt.Sprint(base, "-", n)
		if err := p.fill(ctx, c, &sending, &clients); err != nil {
			return nil, fmt.Errorf("fill the room of %s: %w", c.name, err)
		}
		progress(fmt.Sprintf("joined the room of %s", c.name))
	}
	waits := make([][]joinTimes, len(crowds))
	for round := range rounds {
		for n, c := range crowds {
			p.Room = fmt.Sprint(base, "-", n)
			a, err := p.joinAndWait(ctx, fmt.Sprint("joiner-", round), c.video)
			if err != nil {
				return nil, fmt.Errorf("join %d of %s: %w", round, c.name, err)
			}
			waits[n] = append(waits[n], a)
		}
		progress(fmt.Sprintf("measured %d of %d joins of each room", round+1, rounds))
	}
	for n, c := range crowds {
		of := func(get func(joinTimes) time.Duration) Percentiles {
			times := make([]time.Duration, 0, rounds)
			for _, a := range waits[n] {
				times = append(times, get(a))
			}
			return percentiles(times)
		}
		report = append(report, JoinTimes{
			Room: c.name, Joins: rounds,
			Connected: of(func(a joinTimes) time.Duration { return a.connected }), FirstPacket: of(func(a joinTimes) time.Duration { return a.firstPacket }),
			FirstKeyFrame: of(func(a joinTimes) time.Duration { return a.firstKeyFrame }), AllKeyFrames: of(func(a joinTimes) time.Duration { return a.allKeyFrames }),
		})
	}
	return report, nil
}

// fill lets the participants of a population join the room p.Room. It appends their clients to clients. The
// goroutines that send their media are added to the wait group sending.
func (p *Plan) fill(ctx context.Context, c population, sending *sync.WaitGroup, clients *[]*client.Client) error {
	join := func(identity string, publish bool) (*client.Client, error) {
		raw, err := p.token(p.Room, identity, publish)
		if err != nil {
			return nil, err
		}
		member, err := client.Join(ctx, p.URL, raw, p.clientOptions())
		if err == nil {
			*clients = append(*clients, member)
		}
		return member, err
	}
	for n := range c.video {
		member, err := join(fmt.Sprint("video-", n), true)
		if err != nil {
			return err
		}
		keyFrameRequests := make(chan struct{}, 1)
		track, err := member.Publish(ctx, client.PublishOptions{
			Name: "camera", MimeType: webrtc.MimeTypeVP8, Width: 1280, Height: 720,
			OnKeyFrameRequest: func(int) {
				select {
				case keyFrameRequests <- struct{}{}:
				default: // a request is already waiting
				}
			},
		})
		if err != nil {
			return err
		}
		sending.Go(func() { p.sendVideo(ctx, track, keyFrameRequests) }) // ends with ctx
	}
	for n := range c.audio {
		member, err := join(fmt.Sprint("audio-", n), true)
		if err != nil {
			return err
		}
		track, err := member.Publish(ctx, client.PublishOptions{Name: "microphone", MimeType: webrtc.MimeTypeOpus})
		if err != nil {
			return err
		}
		sending.Go(func() { p.sendAudioEverySecond(ctx, track) }) // ends with ctx
	}
	for n := range c.listeners {
		if _, err := join(fmt.Sprint("listener-", n), false); err != nil {
			return err
		}
	}
	return nil
}

// sendVideo sends ten small frames a second. It sends a key frame immediately when one is requested, so that the
// measured times contain the delay of the server but not that of an encoder.
func (p *Plan) sendVideo(ctx context.Context, track *client.Publication, keyFrameRequests <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, 200)}
	for frame, start := uint16(0), time.Now(); ; frame++ {
		key, packets := frame == 0, 1
		select {
		case <-ctx.Done():
			return
		case <-keyFrameRequests:
			key = true
		case <-tick.C:
		}
		if key {
			packets = p.PacketsPerFrame
		}
		packet.Timestamp = uint32(time.Since(start).Seconds() * 90_000)
		for i := range packets {
			writeVP8Header(packet.Payload, frame, key, i == 0)
			packet.SequenceNumber++
			packet.Marker = i == packets-1
			if track.WriteRTP(packet) != nil {
				return
			}
		}
	}
}

// sendAudioEverySecond sends one audio packet a second.
func (p *Plan) sendAudioEverySecond(ctx context.Context, track *client.Publication) {
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{0xf8, 0xff, 0xfe}}
	for pause(ctx, time.Second) == nil {
		packet.SequenceNumber++
		packet.Timestamp += 48_000
		if track.WriteRTP(packet) != nil {
			return
		}
	}
}

// videoWaiter records when video packets and key frames arrive.
type videoWaiter struct {
	mu          sync.Mutex
	firstPacket time.Time
	keyFrames   []time.Time // times at which the key frames of the tracks were complete
	done        chan struct{}
	want        int
}

// joinAndWait joins, waits until the first key frames of this number of video tracks are complete, leaves, and
// returns the measured times.
func (p *Plan) joinAndWait(ctx context.Context, identity string, videoTracks int) (a joinTimes, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	raw, err := p.token(p.Room, identity, false)
	if err != nil {
		return a, err
	}
	w := &videoWaiter{done: make(chan struct{}), want: videoTracks}
	opts := p.clientOptions()
	opts.OnTrack = func(t *client.RemoteTrack) {
		if t.Kind() == webrtc.RTPCodecTypeVideo {
			w.readFirstKeyFrame(t)
		}
		t.Drain()
	}
	start := time.Now()
	c, err := client.Join(ctx, p.URL, raw, opts)
	if err != nil {
		return a, err
	}
	a.connected = time.Since(start)
	select {
	case <-w.done:
	case <-ctx.Done():
		err = fmt.Errorf("received %d of %d video tracks: %w", len(w.keyFrames), videoTracks, ctx.Err())
	}
	err = errors.Join(err, c.Leave())
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		a.firstPacket, a.firstKeyFrame, a.allKeyFrames = w.firstPacket.Sub(start), w.keyFrames[0].Sub(start), w.keyFrames[videoTracks-1].Sub(start)
	}
	return a, err
}

// readFirstKeyFrame reads a track until its first key frame is complete.
func (w *videoWaiter) readFirstKeyFrame(t *client.RemoteTrack) {
	started := false
	for {
		packet, err := t.ReadRTP()
		if err != nil {
			return
		}
		now := time.Now()
		started = started || startsKeyFrame(packet.Payload)
		w.mu.Lock()
		if w.firstPacket.IsZero() {
			w.firstPacket = now
		}
		complete := started && packet.Marker
		if complete {
			if w.keyFrames = append(w.keyFrames, now); len(w.keyFrames) == w.want {
				close(w.done)
			}
		}
		w.mu.Unlock()
		if complete {
			return
		}
	}
}

// startsKeyFrame reports whether the payload begins with a key frame that writeVP8Header wrote. It finds the start
// code behind a payload descriptor of any length.
func startsKeyFrame(payload []byte) bool {
	return strings.Contains(string(payload[:min(len(payload), 16)]), "\x9d\x01\x2a")
}

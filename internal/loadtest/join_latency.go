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

// population is who is in a room before somebody joins it.
type population struct {
	name      string
	video     int // who publish a picture, all of them listening
	audio     int // who publish sound, seldom heard, as in a meeting where most are silent
	listeners int
}

// populations are the rooms that are compared: the first is the smallest there can be.
var populations = []population{
	{name: "two people", video: 1},
	{name: "100 people, 10 pictures", video: 10, listeners: 89},
	{name: "100 people, 100 voices", video: 1, audio: 98},
}

// joinTimes is how long one joiner had to wait.
type joinTimes struct {
	connected, firstPacket, firstKeyFrame, allKeyFrames time.Duration // connection up; first video packet; first and every picture's key frame whole
}

// JoinTimes is how long those who joined one crowd's room had to wait, from the beginning of the join.
type JoinTimes struct {
	Room          string      `json:"room"`
	Joins         int         `json:"joins"`
	Connected     Percentiles `json:"connected"` // until the connection worked
	FirstPacket   Percentiles `json:"packet"`    // the first of video
	FirstKeyFrame Percentiles `json:"key_frame"` // the first that is whole
	AllKeyFrames  Percentiles `json:"all"`       // those of all pictures
}

// JoinReport is what Joins measured.
type JoinReport []JoinTimes

// String tells the medians in words.
func (r JoinReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-26s %10s %10s %10s %10s   medians, ms\n", "room", "connected", "packet", "key frame", "all")
	for _, w := range r {
		fmt.Fprintf(&b, "%-26s %10.1f %10.1f %10.1f %10.1f   of %d joins\n", w.Room, w.Connected.P50, w.FirstPacket.P50, w.FirstKeyFrame.P50, w.AllKeyFrames.P50, w.Joins)
	}
	return b.String()
}

// MeasureJoins lets somebody join each of the crowds' rooms by turns, so many times.
func MeasureJoins(ctx context.Context, p Plan, rounds int, progress func(string)) (JoinReport, error) {
	return p.measureJoins(ctx, populations, rounds, progress)
}

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
		progress(fmt.Sprintf("the room of %s is full", c.name))
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
		progress(fmt.Sprintf("%d of %d joins of each room", round+1, rounds))
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

// fill brings a crowd into the room.
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
		asked := make(chan struct{}, 1)
		track, err := member.Publish(ctx, client.PublishOptions{
			Name: "camera", MimeType: webrtc.MimeTypeVP8, Width: 1280, Height: 720,
			OnKeyFrameRequest: func(int) {
				select {
				case asked <- struct{}{}:
				default: // one is on its way
				}
			},
		})
		if err != nil {
			return err
		}
		sending.Go(func() { p.sendVideo(ctx, track, asked) }) // ends with ctx
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

// sendVideo sends ten small frames a second, and a key frame at once when one is asked for: what is measured is the server.
func (p *Plan) sendVideo(ctx context.Context, track *client.Publication, asked <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, 200)}
	for frame, start := uint16(0), time.Now(); ; frame++ {
		key, packets := frame == 0, 1
		select {
		case <-ctx.Done():
			return
		case <-asked:
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

// sendAudioEverySecond sends one packet of sound a second.
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

// videoWaiter notes when video comes.
type videoWaiter struct {
	mu          sync.Mutex
	firstPacket time.Time
	keyFrames   []time.Time // when the key frame of each track was whole
	done        chan struct{}
	want        int
}

// joinAndWait joins, waits until want pictures are there, and leaves.
func (p *Plan) joinAndWait(ctx context.Context, identity string, want int) (a joinTimes, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	raw, err := p.token(p.Room, identity, false)
	if err != nil {
		return a, err
	}
	w := &videoWaiter{done: make(chan struct{}), want: want}
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
		err = fmt.Errorf("%d of %d pictures came: %w", len(w.keyFrames), want, ctx.Err())
	}
	err = errors.Join(err, c.Leave())
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		a.firstPacket, a.firstKeyFrame, a.allKeyFrames = w.firstPacket.Sub(start), w.keyFrames[0].Sub(start), w.keyFrames[want-1].Sub(start)
	}
	return a, err
}

// readFirstKeyFrame reads until the track's first key frame is whole.
func (w *videoWaiter) readFirstKeyFrame(t *client.RemoteTrack) {
	begun := false
	for {
		packet, err := t.ReadRTP()
		if err != nil {
			return
		}
		now := time.Now()
		begun = begun || beginsKeyFrame(packet.Payload)
		w.mu.Lock()
		if w.firstPacket.IsZero() {
			w.firstPacket = now
		}
		whole := begun && packet.Marker
		if whole {
			if w.keyFrames = append(w.keyFrames, now); len(w.keyFrames) == w.want {
				close(w.done)
			}
		}
		w.mu.Unlock()
		if whole {
			return
		}
	}
}

// beginsKeyFrame looks for what vp8 writes, whatever the length of the descriptor in front.
func beginsKeyFrame(payload []byte) bool {
	return strings.Contains(string(payload[:min(len(payload), 16)]), "\x9d\x01\x2a")
}

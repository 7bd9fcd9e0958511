package rtc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"meet/internal/client"
	"meet/internal/rtc"
	"meet/internal/signal"
	"meet/internal/token"
)

// TestSoak lets people do at random what people do, in two rooms at once. Whatever they did, in the end the rooms are
// gone, and TestMain finds no goroutine left.
func TestSoak(t *testing.T) {
	length := 8 * time.Second
	if testing.Short() {
		length = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), length+30*time.Second)
	defer cancel()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	rooms, err := rtc.New(conn, rtc.Options{Log: log, DepartureTimeout: time.Second, ServerInfo: &livekit.ServerInfo{Version: "1.13.5"}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(signal.New(rooms, token.NewVerifier(token.Keys{"devkey": "secret"}), log))
	defer web.Close()

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	until := time.Now().Add(length)
	var people sync.WaitGroup
	for i := range 6 {
		p := &person{
			t: t, url: "ws" + strings.TrimPrefix(web.URL, "http"), room: fmt.Sprint("room", i%2), name: fmt.Sprint("person", i),
			random: rand.New(rand.NewPCG(seed, uint64(i))), options: client.Options{SinglePC: i%4 < 2},
		}
		people.Go(func() { p.live(ctx, until) })
	}
	people.Wait()
	// A time of its own: a client that leaves in the middle of a handshake waits for that to end, up to 30 s. A room
	// with somebody who vanished ends 20 s later, when ICE has given up and the time for a return is over.
	ended, cancelEnded := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancelEnded()
	for tick := time.NewTicker(20 * time.Millisecond); rooms.Count() > 0; {
		select {
		case <-tick.C:
		case <-ended.Done():
			stacks := make([]byte, 4<<20)
			t.Fatalf("%d rooms are still there\n%s", rooms.Count(), stacks[:runtime.Stack(stacks, true)])
		}
	}
	if err := rooms.Close(ended); err != nil {
		t.Error(err)
	}
}

// person is one identity that comes and goes.
type person struct {
	t               *testing.T
	url, room, name string
	random          *rand.Rand
	options         client.Options

	c      *client.Client
	tracks []*client.Publication
}

// live acts until that time and then leaves.
func (p *person) live(ctx context.Context, until time.Time) {
	for time.Now().Before(until) {
		what, err := p.act(ctx)
		if err != nil {
			p.t.Errorf("%s: %s: %v", p.name, what, err)
			break
		}
	}
	if p.c != nil {
		_ = p.c.Leave()
	}
}

// act does one thing at random and says what it was.
func (p *person) act(ctx context.Context) (string, error) {
	if p.c == nil {
		return "join", p.join(ctx)
	}
	switch n := p.random.IntN(12); {
	case n < 3 && len(p.tracks) < 4:
		return "publish", p.publish(ctx)
	case n < 5 && len(p.tracks) > 0:
		track := p.tracks[p.random.IntN(len(p.tracks))]
		return "mute", track.SetMuted(!track.Muted())
	case n == 5 && len(p.tracks) > 0:
		track := p.tracks[0]
		p.tracks = p.tracks[1:]
		return "unpublish", p.c.Unpublish(ctx, track)
	case n == 6:
		p.c.DropSignal()
		err := p.c.Resume(ctx)
		if errors.Is(err, net.ErrClosed) { // it was writing an answer just then, which our client takes for the end
			return "vanish", p.forget(p.c.Close())
		}
		return "resume", err
	case n == 7:
		return "leave", p.forget(p.c.Leave())
	case n == 8: // without a word; the next join finds the old one there
		return "vanish", p.forget(p.c.Close())
	case n == 9:
		return "data", p.c.PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{
			Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("hello")}},
		})
	default:
		return "send", p.send()
	}
}

func (p *person) join(ctx context.Context) error {
	jwt, err := token.New("devkey", "secret").SetIdentity(p.name).SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: p.room}).ToJWT()
	if err != nil {
		return err
	}
	p.c, err = client.Join(ctx, p.url, jwt, p.options)
	return err
}

func (p *person) forget(err error) error {
	p.c, p.tracks = nil, nil
	return err
}

func (p *person) publish(ctx context.Context) error {
	o := client.PublishOptions{MimeType: webrtc.MimeTypeOpus, Muted: p.random.IntN(4) == 0}
	if p.random.IntN(2) == 0 {
		o.MimeType = webrtc.MimeTypeVP8
	}
	track, err := p.c.Publish(ctx, o)
	if err == nil {
		p.tracks = append(p.tracks, track)
	}
	return err
}

// send sends some frames on all tracks, in about real time.
func (p *person) send() error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		<-tick.C
		for _, track := range p.tracks {
			if err := track.WriteSample(media.Sample{Data: []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00}, Duration: 20 * time.Millisecond}); err != nil {
				return err
			}
		}
	}
	return nil
}

package rtc_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"meet/internal/client"
	"meet/internal/rtc"
	"meet/internal/signal"
	"meet/internal/token"
	"meet/internal/wire"
)

// The short form runs with all tests; scripts/soak.sh runs the long one.
var (
	soakFor    = flag.Duration("soak", 8*time.Second, "how long TestSoak goes on")
	soakPeople = flag.Int("participants", 6, "how many people TestSoak lets come and go")
)

// soakPace is how many things a second people do, together: what two cores bear in a long soak, with both sides on them.
const soakPace = 60

// TestSoak lets people do at random what people do, in several rooms at once. Whatever they did, in the end the rooms are
// gone, with everybody who was in them, their goroutines and their memory.
func TestSoak(t *testing.T) {
	length := *soakFor
	if testing.Short() {
		length = min(length, 2*time.Second)
	}
	var ledger ledger
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	media, err := wire.New(conn, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	rooms, err := rtc.New(wire.NewUDPMux(media), rtc.Options{
		Log: log, DepartureTimeout: time.Second, ServerInfo: &livekit.ServerInfo{Version: "1.13.5"}, OnEvent: ledger.note,
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(signal.New(rooms, token.NewVerifier(token.Keys{"devkey": "secret"}), log))
	defer web.Close()

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	people, counts := make([]*person, *soakPeople), &soakCounts{}
	for i := range people {
		people[i] = &person{
			t: t, soakCounts: counts, url: "ws" + strings.TrimPrefix(web.URL, "http"), name: fmt.Sprint("person", i),
			room:   fmt.Sprint("room", i%max(2, len(people)/10)),
			pause:  time.Duration(len(people)) * time.Second / soakPace,
			random: rand.New(rand.NewPCG(seed, uint64(i))), options: client.Options{SinglePC: i%4 < 2},
		}
	}
	live(t, people, 0) // what is made once, at first use, is no leak
	awaitNoRooms(t, rooms)
	before := footprint()
	live(t, people, length)
	awaitNoRooms(t, rooms)
	counts.check(t)
	ledger.check(t)
	awaitFootprint(t, before)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := rooms.Close(ctx); err != nil {
		t.Error(err)
	}
}

// live lets everybody live for a while; without one they just come and go.
func live(t *testing.T, people []*person, length time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), length+time.Minute)
	defer cancel()
	until := time.Now().Add(length)
	var living sync.WaitGroup
	for _, p := range people {
		living.Go(func() { p.live(ctx, until) })
	}
	living.Wait()
}

// awaitNoRooms waits until all rooms have ended. One with somebody who vanished ends some 20 s later, when ICE has given
// up and the time for a return is over; a busy machine may take longer.
func awaitNoRooms(t *testing.T, rooms *rtc.Rooms) {
	t.Helper()
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for rooms.Count() > 0 {
		select {
		case <-tick.C:
		case <-limit.C:
			stacks := make([]byte, 4<<20)
			t.Fatalf("%d rooms are still there\n%s", rooms.Count(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// ledger counts who came and who left.
type ledger struct {
	mu      sync.Mutex
	came    int
	present map[string]string // what has begun and not ended, by sid
	strange []string
}

func (l *ledger) note(e rtc.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.present == nil {
		l.present = map[string]string{}
	}
	begin := func(sid, what string) { l.came++; l.present[sid] = what }
	end := func(sid, what string) {
		if l.present[sid] == "" {
			l.strange = append(l.strange, what+" "+sid+" ended without having begun, or twice")
		}
		delete(l.present, sid)
	}
	switch e.Kind {
	case rtc.RoomStarted:
		begin(e.Room.Sid, "room")
	case rtc.RoomFinished:
		end(e.Room.Sid, "room")
	case rtc.ParticipantJoined:
		begin(e.Participant.Sid, "participant")
	case rtc.ParticipantLeft:
		end(e.Participant.Sid, "participant")
	case rtc.TrackPublished:
		begin(e.Track.Sid, "track")
	case rtc.TrackUnpublished:
		end(e.Track.Sid, "track")
	}
}

// check tells of ghosts: what came and was never said to have gone.
func (l *ledger) check(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d rooms, participants and tracks came", l.came)
	for sid, what := range l.present {
		t.Errorf("%s %s came and never left", what, sid)
	}
	for _, s := range l.strange {
		t.Error(s)
	}
}

// usage is what a process holds.
type usage struct {
	goroutines int
	heap       uint64 // bytes in use after a collection
}

func footprint() usage {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first only empties what sync.Pool holds into its second hand
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), m.HeapAlloc}
}

// heapSlack is what the heap may differ by for no reason of ours, in bytes: maps and pools that do not shrink; and for each
// participant, because the runtime keeps a record of some 450 bytes for each goroutine there once was at the same time,
// which are up to 70 of both sides.
const (
	heapSlack       = 4 << 20
	heapSlackOfEach = 32 << 10
)

// awaitFootprint waits until the process holds no more than before.
func awaitFootprint(t *testing.T, before usage) {
	t.Helper()
	slack := uint64(heapSlack + *soakPeople*heapSlackOfEach)
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		after := footprint()
		if after.goroutines <= before.goroutines && after.heap <= before.heap+slack {
			t.Logf("goroutines %d before, %d after; heap %.1f MB before, %.1f MB after",
				before.goroutines, after.goroutines, float64(before.heap)/1e6, float64(after.heap)/1e6)
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			heap, err := os.Create(filepath.Join(t.ArtifactDir(), "heap.pprof"))
			if err == nil {
				err = errors.Join(pprof.WriteHeapProfile(heap), heap.Close())
			}
			stacks := make([]byte, 4<<20)
			t.Fatalf("holds %+v, before %+v, %v\n%s", after, before, err, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// resumeLimit is how long LiveKit's clients wait for a resume (docs/protocol.md, 7.2).
const resumeLimit = 15 * time.Second

// soakCounts are what all people share.
type soakCounts struct {
	acts, givenUp atomic.Int64
	stacks        sync.Once // of what runs when first something fails
}

// person is one identity that comes and goes.
type person struct {
	t               *testing.T
	url, room, name string
	random          *rand.Rand
	options         client.Options
	pause           time.Duration // between two things it does, on average
	*soakCounts

	c      *client.Client
	tracks []*client.Publication
}

// live acts until that time and then leaves.
func (p *person) live(ctx context.Context, until time.Time) {
	for first := true; first || time.Now().Before(until); first = false {
		p.rest(ctx, until)
		what, err := p.act(ctx)
		p.acts.Add(1)
		if err != nil {
			p.giveUp(what, err)
		}
	}
	if p.c != nil {
		_ = p.forget(p.c.Leave())
	}
}

// giveUp ends a session in which something failed, as clients do before they join anew. soakCounts.check judges it.
func (p *person) giveUp(what string, err error) {
	p.t.Logf("%s: %s: %s: %v", time.Now().Format(time.TimeOnly), p.name, what, err)
	p.givenUp.Add(1)
	p.stacks.Do(p.keepStacks)
	if p.c != nil {
		_ = p.forget(p.c.Close())
	}
}

// tolerated is how many of a thousand things may fail in a long soak: on a machine that is busy otherwise, clients run
// into their limits of ten and fifteen seconds. In a short one nothing may.
const tolerated = 20

func (c *soakCounts) check(t *testing.T) {
	acts, givenUp := c.acts.Load(), c.givenUp.Load()
	t.Logf("%d things were done, %d of them failed", acts, givenUp)
	if givenUp > acts/1000*tolerated {
		t.Errorf("%d of %d things failed", givenUp, acts)
	}
}

// keepStacks writes down what everybody is doing; -artifacts keeps it.
func (p *person) keepStacks() {
	stacks := make([]byte, 64<<20)
	file := filepath.Join(p.t.ArtifactDir(), "stacks.txt")
	if err := os.WriteFile(file, stacks[:runtime.Stack(stacks, true)], 0o600); err != nil {
		p.t.Error(err)
	}
}

// rest passes some time, unless it is over soon.
func (p *person) rest(ctx context.Context, until time.Time) {
	d := min(time.Duration(p.random.Int64N(int64(2*p.pause)+1)), time.Until(until))
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
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
		ctx, cancel := context.WithTimeout(ctx, resumeLimit)
		defer cancel()
		return "resume", p.c.Resume(ctx)
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

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

// The defaults make a short soak that runs with all tests; scripts/soak.sh runs the long one.
var (
	soakFor     = flag.Duration("soak", 8*time.Second, "how long clients do random actions")
	soakClients = flag.Int("participants", 6, "number of clients that do random actions")
)

// soakPace is the number of actions per second of all clients together. A machine with two cores that runs both the
// server and the clients can sustain it in a long soak test.
const soakPace = 60

// Clients do random actions in several rooms at the same time. In the end all rooms, participants and tracks must have
// ended, and the goroutines and memory must be as before.
func TestRandomClientActionsLeaveNoRoomsGoroutinesOrMemoryBehind(t *testing.T) {
	length := *soakFor
	if testing.Short() {
		length = min(length, 2*time.Second)
	}
	var events eventLog
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
		Log: log, DepartureTimeout: time.Second, ServerInfo: &livekit.ServerInfo{Version: "1.13.5"}, OnEvent: events.note,
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(signal.New(rooms, token.NewVerifier(token.Keys{"devkey": "secret"}), log))
	defer web.Close()

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	clients, counts := make([]*soakClient, *soakClients), &soakCounts{}
	for i := range clients {
		clients[i] = &soakClient{
			t: t, soakCounts: counts, url: "ws" + strings.TrimPrefix(web.URL, "http"), name: fmt.Sprint("person", i),
			room:   fmt.Sprint("room", i%max(2, len(clients)/10)),
			pause:  time.Duration(len(clients)) * time.Second / soakPace,
			random: rand.New(rand.NewPCG(seed, uint64(i))), options: client.Options{SinglePC: i%4 < 2},
		}
	}
	runAll(t, clients, 0) // memory that is allocated once, at its first use, is not a leak
	awaitNoRooms(t, rooms)
	before := memoryUse()
	runAll(t, clients, length)
	awaitNoRooms(t, rooms)
	counts.check(t)
	events.check(t)
	awaitMemoryUse(t, before)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := rooms.Close(ctx); err != nil {
		t.Error(err)
	}
}

// runAll runs all clients for the given duration. If it is 0, each client joins and leaves once.
func runAll(t *testing.T, clients []*soakClient, duration time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), duration+time.Minute)
	defer cancel()
	until := time.Now().Add(duration)
	var running sync.WaitGroup
	for _, p := range clients {
		running.Go(func() { p.run(ctx, until) })
	}
	running.Wait()
}

// awaitNoRooms waits until all rooms have ended. A room with a participant that vanished ends about 20 s later, after
// ICE has failed and the return timer has fired; a busy machine may take longer.
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

// eventLog checks that every room, participant and track that begins also ends, and ends only once.
type eventLog struct {
	mu      sync.Mutex
	started int               // number of rooms, participants and tracks that have started
	present map[string]string // rooms, participants and tracks that have not ended, by SID
	errors  []string          // ends without a beginning
}

// note records the event e.
func (l *eventLog) note(e rtc.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.present == nil {
		l.present = map[string]string{}
	}
	begin := func(sid, what string) { l.started++; l.present[sid] = what }
	end := func(sid, what string) {
		if l.present[sid] == "" {
			l.errors = append(l.errors, what+" "+sid+" ended without having begun, or twice")
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

// check fails the test if a room, participant or track has begun but not ended.
func (l *eventLog) check(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d rooms, participants and tracks have begun", l.started)
	for sid, what := range l.present {
		t.Errorf("%s %s has not ended", what, sid)
	}
	for _, s := range l.errors {
		t.Error(s)
	}
}

// usage is the number of goroutines and the size of the heap of the process.
type usage struct {
	goroutines int
	heap       uint64 // bytes in use after a garbage collection
}

// memoryUse returns the current usage after a garbage collection.
func memoryUse() usage {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first collection only moves the contents of each sync.Pool to its victim cache
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), m.HeapAlloc}
}

const (
	// heapSlack and heapSlackOfEach are the tolerated growth of the heap in bytes, in total and per client. The heap
	// grows because maps and pools do not shrink. The runtime also keeps its data about goroutines that have ended. That
	// is about 450 bytes times the largest number of goroutines that ran at the same time. Server and client together
	// run up to 70 goroutines per client.
	heapSlack       = 4 << 20
	heapSlackOfEach = 32 << 10
)

// awaitMemoryUse waits until the usage is not above an earlier usage, which is passed as before. The heap may have
// grown by the tolerated amount.
func awaitMemoryUse(t *testing.T, before usage) {
	t.Helper()
	slack := uint64(heapSlack + *soakClients*heapSlackOfEach)
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		after := memoryUse()
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
			t.Fatalf("the usage is %+v, before %+v, %v\n%s", after, before, err, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// resumeLimit is the time for which LiveKit's clients wait for a resume (docs/protocol.md, 7.2).
const resumeLimit = 15 * time.Second

// soakCounts holds the counters that all clients share.
type soakCounts struct {
	actions, failed atomic.Int64
	stacks          sync.Once // writes the stacks at the first failure
}

// soakClient is a client of one identity that repeatedly joins, acts and leaves.
type soakClient struct {
	t               *testing.T
	url, room, name string
	random          *rand.Rand
	options         client.Options
	pause           time.Duration // average time between two actions
	*soakCounts

	c      *client.Client
	tracks []*client.Publication
}

// run does random actions until deadline and then leaves.
func (p *soakClient) run(ctx context.Context, deadline time.Time) {
	for first := true; first || time.Now().Before(deadline); first = false {
		p.wait(ctx, deadline)
		what, err := p.act(ctx)
		p.actions.Add(1)
		if err != nil {
			p.abandon(what, err)
		}
	}
	if p.c != nil {
		_ = p.reset(p.c.Leave())
	}
}

// abandon ends a session in which an action failed, as clients do before they rejoin. soakCounts.check decides whether
// the test fails.
func (p *soakClient) abandon(what string, err error) {
	p.t.Logf("%s: %s: %s: %v", time.Now().Format(time.TimeOnly), p.name, what, err)
	p.failed.Add(1)
	p.stacks.Do(p.writeStacks)
	if p.c != nil {
		_ = p.reset(p.c.Close())
	}
}

// toleratedFailures is the number of actions per thousand that may fail in a long soak, because on a busy machine
// clients reach their timeouts of 10 s and 15 s. In a short soak no action may fail.
const toleratedFailures = 20

// check fails the test if too many actions have failed.
func (c *soakCounts) check(t *testing.T) {
	actions, failed := c.actions.Load(), c.failed.Load()
	t.Logf("%d of %d actions failed", failed, actions)
	if failed > actions/1000*toleratedFailures {
		t.Errorf("%d of %d actions failed", failed, actions)
	}
}

// writeStacks writes the stacks of all goroutines to a file; the flag -artifacts keeps it.
func (p *soakClient) writeStacks() {
	stacks := make([]byte, 64<<20)
	file := filepath.Join(p.t.ArtifactDir(), "stacks.txt")
	if err := os.WriteFile(file, stacks[:runtime.Stack(stacks, true)], 0o600); err != nil {
		p.t.Error(err)
	}
}

// wait waits for a random time, which is p.pause on average, but never beyond deadline.
func (p *soakClient) wait(ctx context.Context, deadline time.Time) {
	d := min(time.Duration(p.random.Int64N(int64(2*p.pause)+1)), time.Until(deadline))
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// act does one random action and returns its name.
func (p *soakClient) act(ctx context.Context) (string, error) {
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
		return "leave", p.reset(p.c.Leave())
	case n == 8: // without a Leave; the next join replaces the old participant
		return "vanish", p.reset(p.c.Close())
	case n == 9:
		return "data", p.c.PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{
			Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("hello")}},
		})
	default:
		return "send", p.send()
	}
}

// join joins the client's room.
func (p *soakClient) join(ctx context.Context) error {
	jwt, err := token.New("devkey", "secret").SetIdentity(p.name).SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: p.room}).ToJWT()
	if err != nil {
		return err
	}
	p.c, err = client.Join(ctx, p.url, jwt, p.options)
	return err
}

// reset clears the state of an ended session and returns err.
func (p *soakClient) reset(err error) error {
	p.c, p.tracks = nil, nil
	return err
}

// publish publishes one audio or video track.
func (p *soakClient) publish(ctx context.Context) error {
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

// send sends ten frames on all tracks, one every 20 ms.
func (p *soakClient) send() error {
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

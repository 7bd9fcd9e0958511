package rtc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/fault"
	"meet/internal/peer"
	"meet/internal/pionlog"
	"meet/internal/sfu"
)

// Options describe Rooms.
type Options struct {
	Log    *slog.Logger // required
	NodeIP netip.Addr   // the address media is offered on; zero: this machine's own
	TCP    peer.TCPMux  // takes media to clients that UDP does not reach; nil: none does. It stays the caller's to close
	// OnEvent receives everything that happens in rooms, in order for each room. It runs on the room's loop, so it must not
	// block, nor call a method of Rooms that waits for the loop.
	OnEvent func(Event)
	// RefreshToken makes a token by which the participant can return, with the grants of the token it presented. Nil
	// sends none.
	RefreshToken func(TokenSubject) (string, error)
	ServerInfo   *livekit.ServerInfo // sent to clients; its version must have the form of LiveKit's
	// EmptyTimeout is how long a room stays that nobody has joined, DepartureTimeout how long one stays that everybody
	// has left; zero means 5 minutes and 20 seconds.
	EmptyTimeout, DepartureTimeout time.Duration
	// The subscription limits are how many tracks of a kind one participant may be subscribed to at once; zero means no
	// limit.
	SubscriptionLimitAudio, SubscriptionLimitVideo int

	// These are shorter in tests; zero means the usual time.
	answerTimeout time.Duration // see peer.EngineOptions
	announceDelay time.Duration // until others learn of a participant whose media has not connected
}

const (
	defaultEmptyTimeout     = 5 * time.Minute
	defaultDepartureTimeout = 20 * time.Second
)

// Rooms are all rooms of this process.
type Rooms struct {
	opts   Options
	engine *peer.Engine
	log    *slog.Logger

	fallback *peer.TCPFallback
	counters sfu.Counters // of all tracks

	mu     sync.Mutex
	rooms  map[string]*Room // by name
	closed bool
	wg     sync.WaitGroup // the rooms' loops

	bans bans
}

// New makes Rooms whose media goes over udp, which it closes in Close.
func New(udp peer.UDPMux, o Options) (*Rooms, error) {
	e, err := peer.NewEngine(udp, peer.EngineOptions{
		TCP: o.TCP, NodeIP: o.NodeIP, Logs: pionlog.Factory{Log: o.Log}, AnswerTimeout: o.answerTimeout,
	})
	if err != nil {
		return nil, err
	}
	if o.EmptyTimeout == 0 {
		o.EmptyTimeout = defaultEmptyTimeout
	}
	if o.DepartureTimeout == 0 {
		o.DepartureTimeout = defaultDepartureTimeout
	}
	if o.announceDelay == 0 {
		o.announceDelay = defaultAnnounceDelay
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	return &Rooms{opts: o, engine: e, log: o.Log, fallback: peer.NewTCPFallback(), rooms: map[string]*Room{}}, nil
}

// SignalSink takes messages for one client. Send never blocks: it queues, and returns false once the connection cannot
// take any more, because it has ended or is too slow. Close sends what is queued and then closes the connection.
type SignalSink interface {
	Send(*Message) bool
	Close()
}

// Session is the hold of one signalling connection on its participant.
type Session struct {
	room        *Room
	participant *Participant
	sink        SignalSink
}

// Join brings a participant into a room, which is made if it does not exist, or resumes one that is there. The first
// message is queued in sink when it returns. Errors are faults whose text is for the client.
func (rs *Rooms) Join(ctx context.Context, req JoinRequest, sink SignalSink) (*Session, error) {
	if err := req.validate(); err != nil {
		return nil, err
	}
	if err := rs.bans.checkRequest(req, time.Now()); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		r, err := rs.roomFor(req)
		if err != nil {
			return nil, err
		}
		if r == nil {
			return refuseResume(sink), nil
		}
		s, err := r.enter(ctx, req, sink)
		if errors.Is(err, errRoomClosed) && try < maxJoinTries {
			select { // the room ended between our finding and entering it; its name is free in a moment
			case <-r.loop.Done():
				continue
			case <-ctx.Done():
			}
		}
		return s, err
	}
}

// maxJoinTries bounds how often a join meets rooms that end. More than two in a row are no coincidence but a fault of
// ours that the join itself causes.
const maxJoinTries = 3

// Check returns why a Join with req would be refused now, without joining.
func (rs *Rooms) Check(ctx context.Context, req JoinRequest) error {
	if err := req.validate(); err != nil {
		return err
	}
	if err := rs.bans.checkRequest(req, time.Now()); err != nil {
		return err
	}
	rs.mu.Lock()
	r, closed := rs.rooms[req.Room], rs.closed
	rs.mu.Unlock()
	if closed {
		return errShuttingDown
	}
	if r == nil {
		return nil
	}
	var err error
	if r.loop.Do(ctx, func() { err = r.checkJoin(req) }) != nil {
		return nil
	}
	return err
}

// roomFor finds the room to join or makes it. For a request to resume it makes none, and returns nil.
func (rs *Rooms) roomFor(req JoinRequest) (*Room, error) {
	if !req.Reconnect {
		return rs.room(req.Room, req.RoomConfig)
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closed {
		return nil, errShuttingDown
	}
	return rs.rooms[req.Room], nil
}

// room finds the room of that name or makes it.
func (rs *Rooms) room(name string, config *livekit.RoomConfiguration) (*Room, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closed {
		return nil, errShuttingDown
	}
	if r := rs.rooms[name]; r != nil {
		return r, nil
	}
	r := newRoom(rs, name, config)
	rs.rooms[name] = r
	rs.wg.Go(func() { // ends when the room has closed
		r.loop.Run()
		rs.mu.Lock()
		if rs.rooms[name] == r {
			delete(rs.rooms, name)
		}
		rs.mu.Unlock()
	})
	r.loop.Post(r.start)
	return r, nil
}

var errShuttingDown = fault.New(fault.Unavailable, "the server is restarting; try again in a moment")

// Count returns the number of rooms.
func (rs *Rooms) Count() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.rooms)
}

// Close ends every room, telling its participants that the server stops, waits for all of them and closes the media
// socket. It returns ctx's error if that takes too long.
func (rs *Rooms) Close(ctx context.Context) error {
	rs.mu.Lock()
	rs.closed = true
	for _, r := range rs.rooms {
		r.loop.Post(func() { r.close(livekit.DisconnectReason_SERVER_SHUTDOWN) })
	}
	rs.mu.Unlock()
	ended := make(chan struct{})
	go func() { // ends with the last room
		rs.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return rs.engine.Close()
	case <-ctx.Done():
		return fmt.Errorf("end the rooms: %w", errors.Join(ctx.Err(), rs.engine.Close()))
	}
}

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
	"github.com/pion/ice/v4"

	"meet/internal/fault"
	"meet/internal/peer"
	"meet/internal/pionlog"
	"meet/internal/ratelimit"
	"meet/internal/sfu"
)

// Options configures Rooms.
type Options struct {
	Log    *slog.Logger        // required
	Public func() []netip.Addr // addresses to offer for media besides this machine's own; may be nil. Each connection calls it
	TCP    ice.TCPMux          // carries the media of clients that cannot use UDP; nil disables that. The caller closes it
	// ICEServers returns the TURN servers for a participant; nil means that there are none.
	ICEServers func(RelayRequest) []*livekit.ICEServer
	// OnEvent receives all events of the rooms, in order for each room. It runs on the room's loop, so it must not
	// block and must not call a method of Rooms that waits for the loop.
	OnEvent func(Event)
	// RefreshToken makes a token with which the participant can return. It has the same grants as the token that the
	// participant presented. If RefreshToken is nil, no tokens are sent.
	RefreshToken func(TokenSubject) (string, error)
	ServerInfo   *livekit.ServerInfo // sent to clients; its version must have the form of LiveKit's versions
	// EmptyTimeout is the time after which a room closes if nobody joins it; zero means 5 minutes. DepartureTimeout is
	// the time after which a room closes when all participants have left; zero means 20 seconds.
	EmptyTimeout, DepartureTimeout time.Duration
	// SubscriptionLimitAudio and SubscriptionLimitVideo are the maximum numbers of tracks of a kind to which one
	// participant may be subscribed; zero means no limit.
	SubscriptionLimitAudio, SubscriptionLimitVideo int

	// The following times are shorter in tests; zero means the default.
	answerTimeout time.Duration // see peer.EngineOptions
	announceDelay time.Duration // see defaultAnnounceDelay
}

const (
	defaultEmptyTimeout     = 5 * time.Minute
	defaultDepartureTimeout = 20 * time.Second
)

// Rooms holds all rooms of this process. Its exported methods may be called from any goroutine.
type Rooms struct {
	opts   Options
	engine *peer.Engine
	log    *slog.Logger

	fallback   *peer.PathFallback
	relayUsers relayUsers
	counters   sfu.Counters // of all tracks

	roomCount, participantCount *ratelimit.Counter // see serverlimits.go

	mu     sync.Mutex
	rooms  map[string]*Room // by name
	closed bool
	wg     sync.WaitGroup // the rooms' loops

	bans bans
}

// New returns Rooms that send and receive media on udp. Close closes udp.
func New(udp peer.UDPMux, o Options) (*Rooms, error) {
	e, err := peer.NewEngine(udp, peer.EngineOptions{
		TCP: o.TCP, Public: o.Public, Logs: pionlog.Factory{Log: o.Log}, AnswerTimeout: o.answerTimeout,
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
	return &Rooms{
		opts: o, engine: e, log: o.Log, fallback: peer.NewPathFallback(), rooms: map[string]*Room{}, relayUsers: relayUsers{present: map[string]bool{}},
		roomCount: newRoomCount(), participantCount: newParticipantCount(),
	}, nil
}

// SignalSink sends messages to one client. Send queues a message and never blocks; it returns false if the connection
// has ended or its queue is full. Close sends the queued messages and then closes the connection.
type SignalSink interface {
	Send(*Message) bool
	Close()
}

// Session connects one signalling connection with its participant.
type Session struct {
	room        *Room
	participant *Participant
	sink        SignalSink
}

// Join adds a participant to a room, which is created if it does not exist, or resumes a participant. When Join
// returns, the first message is queued in sink. The texts of errors made by package fault are meant for the client.
func (rs *Rooms) Join(ctx context.Context, req JoinRequest, sink SignalSink) (*Session, error) {
	if err := req.validate(); err != nil {
		return nil, err
	}
	if err := rs.bans.checkRequest(req, time.Now()); err != nil {
		return nil, err
	}
	if err := rs.checkLimits(req, false); err != nil { // before a room is created for req
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
			select { // the room closed before req could enter; its name becomes free when its loop ends
			case <-r.loop.Done():
				continue
			case <-ctx.Done():
			}
		}
		return s, err
	}
}

// maxJoinTries is the maximum number of times that a join is tried. It is tried again only if its room has closed
// meanwhile. If the room closes at every try, the cause is probably the join itself, by a bug of the server.
const maxJoinTries = 3

// Check returns the reason why Join would refuse req now, or nil, without joining.
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
	err := rs.checkLimits(req, r == nil)
	if r == nil || err != nil {
		return err
	}
	if r.loop.Do(ctx, func() { err = r.checkJoin(req) }) != nil {
		return nil
	}
	return err
}

// roomFor returns the room that req is for and creates it if necessary. For a request to resume it creates none and may
// return nil.
func (rs *Rooms) roomFor(req JoinRequest) (*Room, error) {
	if !req.Reconnect {
		return rs.room(req.Room, req.RoomConfig, req.countedAddress())
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closed {
		return nil, errShuttingDown
	}
	return rs.rooms[req.Room], nil
}

// room returns the room called name and creates it with config if necessary. A new room counts as one of address, which is ""
// for a room of a back end.
func (rs *Rooms) room(name string, config *livekit.RoomConfiguration, address string) (*Room, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closed {
		return nil, errShuttingDown
	}
	if r := rs.rooms[name]; r != nil {
		return r, nil
	}
	if err := rs.roomCount.Add(address, 1); err != nil {
		return nil, err
	}
	r := newRoom(rs, name, config)
	rs.rooms[name] = r
	rs.wg.Go(func() { // ends when the room has closed
		r.loop.Run()
		rs.roomCount.Remove(address, 1)
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

// Close ends all rooms with the reason SERVER_SHUTDOWN, waits until they have ended, and closes the media socket. It
// returns an error if ctx ends earlier.
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

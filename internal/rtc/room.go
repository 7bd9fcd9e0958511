package rtc

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
	"meet/internal/loop"
	"meet/internal/peer"
	"meet/internal/sfu"
)

var (
	errRoomClosed = fault.New(fault.Unavailable, "the meeting has just ended; join again to start a new one")
	errRoomFull   = fault.New(fault.Exhausted, "this meeting is full; try again when somebody has left")
)

// Room is one call. All its state is touched on its loop only.
type Room struct {
	rooms *Rooms
	loop  *loop.Loop
	log   *slog.Logger
	wg    sync.WaitGroup // closing connections; waited for before the loop ends

	// context ends when the room closes: data channels that wait for the loop must not hold up their own closing.
	context context.Context
	cancel  context.CancelFunc

	info          *livekit.Room
	participants  map[string]*Participant // by identity
	families      map[string]*family      // by their names; see family.go
	published     []*Publication          // of all of them, the oldest first
	bySID         map[string]*Publication // the same
	departed      []departure             // the latest
	updates       updateQueue
	nonces        nonceSet
	rpcs          map[string]*rpcCall     // the server's own, by their ids
	callerAliases map[string]*Participant // hidden participants that have called others, by their made-up names
	dataTracks    map[uint16]*DataTrack   // by the handle of their subscribers
	lastHandle    uint16                  // given to a data track

	// Of the participants: how many only serve others, and how many record.
	dependents, recorders int

	playoutDelay sfu.PlayoutDelay // for everybody; never changed

	sifTrailer []byte // ends frames the server makes itself (docs/protocol.md, 12.8)
	// What has to be brought up to date after this turn of the loop: connections to negotiate, and tracks whose watchers
	// have changed.
	dirtyTransports    map[*Participant]bool
	dirtyDemand        map[*Publication]bool
	dirtyHandles       map[*Participant]bool // receive other data tracks than before
	dirtySubscriptions map[*Participant]bool // gave up a track, so another one may be within the limit
	awaitingTracks     map[*Participant]bool // wait for a track that has to come in time

	agents      []*livekit.RoomAgentDispatch // of its configuration, until it has started
	everJoined  bool
	idleTimer   *time.Timer // closes the room when nobody comes
	ticker      *time.Timer // speakers and, every quality-th time, connection quality
	ticks       int
	mainSpeaker mainSpeaker
	closed      bool

	observations []*observation // see observer.go
}

func newRoom(rs *Rooms, name string, config *livekit.RoomConfiguration) *Room {
	now := time.Now()
	r := &Room{
		rooms: rs,
		info: &livekit.Room{
			Sid: newID(roomPrefix), Name: name, CreationTime: now.Unix(), CreationTimeMs: now.UnixMilli(),
			EmptyTimeout:     uint32(rs.opts.EmptyTimeout.Seconds()),
			DepartureTimeout: uint32(rs.opts.DepartureTimeout.Seconds()),
			EnabledCodecs:    peer.EnabledCodecs(),
		},
		participants:       map[string]*Participant{},
		families:           map[string]*family{},
		rpcs:               map[string]*rpcCall{},
		callerAliases:      map[string]*Participant{},
		dataTracks:         map[uint16]*DataTrack{},
		dirtyTransports:    map[*Participant]bool{},
		dirtyHandles:       map[*Participant]bool{},
		dirtyDemand:        map[*Publication]bool{},
		dirtySubscriptions: map[*Participant]bool{},
		awaitingTracks:     map[*Participant]bool{},
		bySID:              map[string]*Publication{},
		sifTrailer:         []byte(newID("")),
	}
	if config != nil {
		r.configure(config)
	}
	r.context, r.cancel = context.WithCancel(context.Background())
	r.log = rs.log.With("room", name)
	r.loop = loop.New(loop.Options{StoppedErr: errRoomClosed, OnPanic: r.panicked, AfterBatch: r.flushDirty})
	return r
}

// configure applies what the first participant's token says of the room.
func (r *Room) configure(c *livekit.RoomConfiguration) {
	if c.EmptyTimeout > 0 {
		r.info.EmptyTimeout = c.EmptyTimeout
	}
	if c.DepartureTimeout > 0 {
		r.info.DepartureTimeout = c.DepartureTimeout
	}
	r.info.MaxParticipants = c.MaxParticipants
	r.info.Metadata = c.Metadata
	r.agents = c.Agents
	r.playoutDelay = sfu.PlayoutDelay{
		Min: time.Duration(c.MinPlayoutDelay) * time.Millisecond, Max: time.Duration(c.MaxPlayoutDelay) * time.Millisecond,
	}
}

func (r *Room) start() {
	r.emit(Event{Kind: RoomStarted, Agents: r.agents})
	r.agents = nil
	r.ticker = r.after(sfu.LevelInterval, r.tick)
	r.restartIdleTimer()
}

// panicked ends this room after a programming error; the others go on.
func (r *Room) panicked(v any) {
	r.log.Error("room ended by a programming error", "panic", v, "stack", string(debug.Stack()))
	if !r.closed {
		r.loop.Post(func() {}) // settle may be what has failed: let it run once more
	}
	r.close(livekit.DisconnectReason_ROOM_CLOSED)
}

// settle brings observers in line with the tracks, connections with the subscriptions that have changed, and publishers
// with what is watched: once, however much has changed. Observers come first, so that they learn that the room has ended
// even if something else here fails.
func (r *Room) flushDirty() {
	r.updateObservers()
	for p := range r.dirtySubscriptions {
		r.reconcile(p)
	}
	clear(r.dirtySubscriptions)
	for pub := range r.dirtyDemand {
		pub.updateDemand()
	}
	clear(r.dirtyDemand)
	for p := range r.dirtyTransports {
		if t := p.conn.receivingTransport(); t != nil && !p.closed {
			t.Negotiate()
		}
	}
	clear(r.dirtyTransports)
	for p := range r.dirtyHandles {
		p.data.sendHandles()
	}
	clear(r.dirtyHandles)
}

// after runs f on the loop after d, unless the room has closed.
func (r *Room) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { r.loop.Post(f) })
}

// enter admits a new participant or resumes one.
func (r *Room) enter(ctx context.Context, req JoinRequest, sink SignalSink) (*Session, error) {
	caller := ctx
	// What is queued on the loop will run: returning before it would leave a participant without a client.
	ctx = context.WithoutCancel(ctx)
	if req.Reconnect {
		var s *Session
		if err := r.loop.Do(ctx, func() { s = r.resume(req, sink) }); err != nil {
			return nil, err
		}
		return s, nil
	}
	var bucket *announceBucket
	err := r.loop.Do(ctx, func() {
		bucket = r.family(req.Token).bucket
		req.Info = r.restrictedInfo(req)
	})
	if err != nil {
		return nil, err
	}
	bucket.wait(caller, r.context)
	// The connection is made here, on the caller's goroutine, because that takes milliseconds.
	p, err := newParticipant(r, req, sink)
	if err != nil {
		return nil, err
	}
	p.bucket = bucket
	refused := errRoomClosed
	err = r.loop.Do(ctx, func() {
		if refused = r.checkJoin(req); refused == nil { // it may have been removed since Join looked
			refused = r.rooms.bans.checkRequest(req, time.Now())
		}
		if refused != nil {
			p.closed = true // what its connections report from now on is ignored
			return
		}
		r.admit(p)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		p.conn.closeTransports() // the sink stays open: the next room of this name may take the participant
		return nil, err
	}
	return &Session{room: r, participant: p, sink: sink}, nil
}

// checkJoin returns why req may not join now, or nil.
func (r *Room) checkJoin(req JoinRequest) error {
	if err := r.checkCapacity(req); err != nil {
		return err
	}
	return r.checkIdentity(req)
}

// checkCapacity returns an error if the room has closed, or has no place for req.
func (r *Room) checkCapacity(req JoinRequest) error {
	if r.closed {
		return errRoomClosed
	}
	limit := int(r.info.MaxParticipants)
	if limit > 0 && r.participants[req.Identity] == nil && !req.dependent() && r.headCount() >= limit {
		return errRoomFull
	}
	return nil
}

// headCount returns the number of participants without agents and recorders.
func (r *Room) headCount() int { return len(r.participants) - r.dependents }

// admit makes p a participant of the room. An older one with its identity has to leave.
func (r *Room) admit(p *Participant) {
	p.info.Permission = r.restrictedInfo(p.req).Permission // it may have changed since its connections were made
	if r.family(p.req.Token).granted != nil && !p.req.companion() {
		p.granted = p.info.Permission
	}
	p.bucket.charge(joinCost)
	r.addParticipant(p)
	p.sendInitialMessages() // its first message is the join, so the others' news of the room come after
	r.countsChanged()
}

// addParticipant adds p to the participants of the room.
func (r *Room) addParticipant(p *Participant) {
	if old := r.participants[p.identity()]; old != nil {
		old.replaced = true
		r.remove(old, livekit.DisconnectReason_DUPLICATE_IDENTITY)
	}
	r.everJoined = true
	r.participants[p.identity()] = p
	r.adjustCounts(p, 1)
	r.restartIdleTimer()
}

// adjustCounts adds p to the room's counts (by = 1) or removes it (by = -1). countsChanged announces them.
func (r *Room) adjustCounts(p *Participant, by int) {
	if p.req.dependent() {
		r.dependents += by
	}
	if p.recorder() {
		r.recorders += by
	}
	if p.info.IsPublisher {
		r.info.NumPublishers += uint32(by)
	}
	r.info.NumParticipants = uint32(r.headCount())
	r.info.ActiveRecording = r.recorders > 0
}

// setPublisher notes whether p publishes: from its first track on, as long as it may.
func (p *Participant) setPublisher(publishes bool) {
	if p.info.IsPublisher == publishes {
		return
	}
	p.info.IsPublisher = publishes
	if publishes {
		p.room.info.NumPublishers++
	} else {
		p.room.info.NumPublishers--
	}
	p.room.countsChanged()
}

// countsChanged announces the room's counts with the next round of updates, and at once that it is being recorded.
func (r *Room) countsChanged() {
	r.updates.roomChanged = true
	r.flushUpdates(r.updates.recording != r.info.ActiveRecording)
}

// snapshot returns a copy of the room's state that may leave the loop.
func (r *Room) snapshot() *livekit.Room { return proto.CloneOf(r.info) }

// remove ends p with a Leave that gives the reason.
func (r *Room) remove(p *Participant, reason livekit.DisconnectReason) {
	if p.closed {
		return
	}
	p.sendLeave(reason, livekit.LeaveRequest_DISCONNECT)
	r.depart(p, reason)
}

// depart removes p from the room and announces that.
func (r *Room) depart(p *Participant, reason livekit.DisconnectReason) {
	if p.closed {
		return
	}
	if r.participants[p.identity()] == p { // first, because the events of its end count the others
		delete(r.participants, p.identity())
		r.adjustCounts(p, -1)
	}
	p.end(reason)
	if c := r.companionOf(p); c != nil { // it has no right to be there on its own
		r.remove(c, reason)
	}
	r.countsChanged()
	r.restartIdleTimer()
}

// restartIdleTimer starts the time after which the room closes, if nobody holds it open.
func (r *Room) restartIdleTimer() {
	if r.idleTimer != nil {
		r.idleTimer.Stop()
		r.idleTimer = nil
	}
	if r.closed || r.headCount() > 0 {
		return
	}
	wait := time.Duration(r.info.EmptyTimeout) * time.Second
	if r.everJoined {
		wait = time.Duration(r.info.DepartureTimeout) * time.Second
	}
	r.idleTimer = r.after(wait, func() {
		if r.headCount() == 0 {
			r.close(livekit.DisconnectReason_ROOM_CLOSED)
		}
	})
}

// close ends the room for everybody. The loop ends when all connections have.
func (r *Room) close(reason livekit.DisconnectReason) {
	if r.closed {
		return
	}
	r.closed = true
	for _, p := range r.participants {
		r.remove(p, reason)
	}
	for _, t := range []*time.Timer{r.idleTimer, r.ticker, r.updates.timer} {
		if t != nil {
			t.Stop()
		}
	}
	r.cancel()
	r.emit(Event{Kind: RoomFinished})
	r.rooms.wg.Go(func() { // ends with the last connection, and ends the loop
		r.wg.Wait()
		r.loop.Stop()
	})
}

func (r *Room) emit(e Event) {
	e.At = time.Now()
	e.Room = r.snapshot()
	r.rooms.opts.OnEvent(e)
}

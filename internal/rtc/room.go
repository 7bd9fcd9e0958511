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

// Room is one meeting. Its state is accessed on its loop only.
type Room struct {
	rooms *Rooms
	loop  *loop.Loop
	log   *slog.Logger
	wg    sync.WaitGroup // connections that are closing; the loop ends after them

	// context is canceled when the room closes. A data channel that waits for the room's loop then stops waiting.
	// Otherwise the wait would delay the end of the channel.
	context context.Context
	cancel  context.CancelFunc

	info          *livekit.Room
	participants  map[string]*Participant // by identity
	families      map[string]*family      // by the ID of the token family
	published     []*Publication          // all tracks, the oldest first
	bySID         map[string]*Publication // all tracks, by SID
	departed      []departure             // the latest departures
	updates       updateQueue
	nonces        nonceSet
	rpcs          map[string]*rpcCall     // calls by the server, by ID
	callerAliases map[string]*Participant // hidden participants that have made a call, by their alias
	dataTracks    map[uint16]*DataTrack   // by the handle that their subscribers use
	lastHandle    uint16                  // handle that was last assigned to a data track

	// dependents counts agents and recorders; recorders counts the participants with the recorder permission.
	dependents, recorders int

	playoutDelay sfu.PlayoutDelay // for all subscribers; never changed

	sifTrailer []byte // marks frames that the server makes itself (docs/protocol.md, 12.8)
	// The dirty sets hold the objects that flushDirty updates after the current turn of the loop.
	dirtyTransports    map[*Participant]bool // the receiving transport must negotiate
	dirtyDemand        map[*Publication]bool // the demand for the track may have changed
	dirtyHandles       map[*Participant]bool // the participant's data subscriptions have changed
	dirtySubscriptions map[*Participant]bool // a subscription has ended, so another track may be within the limit
	awaitingTracks     map[*Participant]bool // participants with tracks that must come in time

	agents      []*livekit.RoomAgentDispatch // from the room's configuration; nil after the room has started
	everJoined  bool
	idleTimer   *time.Timer // closes the room after a time without participants
	ticker      *time.Timer // fires every sfu.LevelInterval: speakers and, less often, connection quality
	ticks       int
	mainSpeaker mainSpeaker
	closed      bool

	observations []*observation // see observer.go
}

// newRoom returns a room. The caller must run the room's loop and post start to it first.
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

// configure applies a room configuration. It comes from the first participant's token or from the back end that creates
// the room.
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

// start emits RoomStarted and starts the timers. It runs as the first function on the loop.
func (r *Room) start() {
	r.emit(Event{Kind: RoomStarted, Agents: r.agents})
	r.agents = nil
	r.ticker = r.after(sfu.LevelInterval, r.tick)
	r.restartIdleTimer()
}

// panicked ends this room after a panic on its loop; the other rooms are not affected.
func (r *Room) panicked(v any) {
	r.log.Error("room closed after a panic", "panic", v, "stack", string(debug.Stack()))
	if !r.closed {
		r.loop.Post(func() {}) // the panic may have been in flushDirty; this makes it run once more
	}
	r.close(livekit.DisconnectReason_ROOM_CLOSED)
}

// flushDirty runs after each turn of the loop. It notifies the observers and updates the objects in the dirty sets:
// once each, whatever the number of changes. The observers come first, so that they are notified of the end of the room
// even if another step panics.
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

// after runs f on the loop after the time d. The timer does nothing if the loop has ended.
func (r *Room) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { r.loop.Post(f) })
}

// enter admits a new participant or resumes one. It waits for the loop. Before it admits a new participant, it also
// waits until the bucket of the token's family allows another announcement.
func (r *Room) enter(ctx context.Context, req JoinRequest, sink SignalSink) (*Session, error) {
	caller := ctx
	// The queued function runs even if ctx ends. Returning earlier would leave a participant without a client.
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
	// Creating the connection takes milliseconds, so it is done on the caller's goroutine.
	p, err := newParticipant(r, req, sink)
	if err != nil {
		return nil, err
	}
	p.bucket = bucket
	refused := errRoomClosed
	err = r.loop.Do(ctx, func() {
		if refused = r.checkJoin(req); refused == nil { // the participant may have been banned since Join checked
			refused = r.rooms.bans.checkRequest(req, time.Now())
		}
		if refused != nil {
			p.closed = true // events of its connections are ignored from here on
			return
		}
		r.admit(p)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		p.conn.closeTransports() // the sink stays open, because the participant may join the next room of this name
		return nil, err
	}
	return &Session{room: r, participant: p, sink: sink}, nil
}

// checkJoin returns the reason why req may not join now, or nil if it may.
func (r *Room) checkJoin(req JoinRequest) error {
	if err := r.checkCapacity(req); err != nil {
		return err
	}
	return r.checkIdentity(req)
}

// checkCapacity returns an error if the room has closed or is full. Agents and recorders always fit, and so does a
// participant that replaces an older connection of its own.
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

// headCount returns the number of participants that are not agents or recorders.
func (r *Room) headCount() int { return len(r.participants) - r.dependents }

// admit adds the new participant p and sends it its first messages. An older participant with the same identity is
// removed.
func (r *Room) admit(p *Participant) {
	p.info.Permission = r.restrictedInfo(p.req).Permission // may have changed while the connections were created
	if r.family(p.req.Token).granted != nil && !p.req.companion() {
		p.granted = p.info.Permission
	}
	p.bucket.charge(joinCost)
	r.addParticipant(p)
	p.sendInitialMessages() // the join response must come before any update about the room
	r.countsChanged()
}

// addParticipant adds p to the room. An older participant with the same identity is removed.
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

// adjustCounts adds p to the room's counts (by = 1) or removes it from them (by = -1). The caller announces the change
// with countsChanged.
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

// setPublisher sets whether p counts as a publisher. A participant becomes a publisher with its first track, and is
// one until it loses the permission to publish.
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

// countsChanged makes the room announce its counts with the next batch of updates. If a recording has started or
// ended, the counts are announced immediately.
func (r *Room) countsChanged() {
	r.updates.roomChanged = true
	r.flushUpdates(r.updates.recording != r.info.ActiveRecording)
}

// snapshot returns a copy of the room's state that may be used outside the loop.
func (r *Room) snapshot() *livekit.Room { return proto.CloneOf(r.info) }

// remove disconnects p, with a Leave that states the reason.
func (r *Room) remove(p *Participant, reason livekit.DisconnectReason) {
	if p.closed {
		return
	}
	p.sendLeave(reason, livekit.LeaveRequest_DISCONNECT)
	r.depart(p, reason)
}

// depart removes p from the room without sending it a Leave, and announces the departure.
func (r *Room) depart(p *Participant, reason livekit.DisconnectReason) {
	if p.closed {
		return
	}
	if r.participants[p.identity()] == p { // first, because the events emitted by end count the remaining participants
		delete(r.participants, p.identity())
		r.adjustCounts(p, -1)
	}
	p.end(reason)
	if c := r.companionOf(p); c != nil { // a companion may not stay without its participant
		r.remove(c, reason)
	}
	r.countsChanged()
	r.restartIdleTimer()
}

// restartIdleTimer starts the timer that closes the room. If a participant keeps the room open, it stops the timer
// instead.
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

// close ends the room for all participants. The loop ends when all connections have closed.
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
	r.rooms.wg.Go(func() { // ends when the last connection has closed, then ends the loop
		r.wg.Wait()
		r.loop.Stop()
	})
}

// emit fills in the room and time of the event e and passes e to Options.OnEvent.
func (r *Room) emit(e Event) {
	e.At = time.Now()
	e.Room = r.snapshot()
	r.rooms.opts.OnEvent(e)
}

package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/token"
)

// Options are what a Dispatcher may be told.
type Options struct {
	Log        *slog.Logger
	ServerInfo *livekit.ServerInfo // told to workers
	// Remove puts an agent out of a room, which has not left although its dispatch was deleted. Nil lets it be.
	Remove func(ctx context.Context, room, identity string) error
	// Patience is how long a worker may take to register and to say whether it takes a job, 10 s when 0; Grace how long an
	// agent may take to leave, 3 s when 0.
	ResponseTimeout, LeaveTimeout time.Duration
}

// Dispatcher knows the workers, and what is to be done in which room.
type Dispatcher struct {
	keys token.Keys
	opts Options

	context context.Context // ends with Close
	cancel  context.CancelFunc
	work    sync.WaitGroup // connections of workers, what looks for workers, and what waits for agents to leave

	mu      sync.Mutex
	workers map[string]*worker
	rooms   map[string]*room // by name
	waiting map[*job]bool    // jobs for which no worker is free
	closed  bool
}

// room is one with what agents need to know of it.
type room struct {
	info         *livekit.Room
	participants map[string]*participant // by identity, those whom agents are for
	agents       map[string]string       // sids of the agents that are in it, by identity
	dispatches   map[string]*dispatch    // by id
}

// person is a participant.
type participant struct {
	info      *livekit.ParticipantInfo
	publishes bool
}

// New makes a Dispatcher that signs the tokens of agents with the key of the worker that runs them.
func New(keys token.Keys, o Options) *Dispatcher {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ResponseTimeout == 0 {
		o.ResponseTimeout = 10 * time.Second
	}
	if o.LeaveTimeout == 0 {
		o.LeaveTimeout = 3 * time.Second
	}
	d := &Dispatcher{keys: keys, opts: o, workers: map[string]*worker{}, rooms: map[string]*room{}, waiting: map[*job]bool{}}
	d.context, d.cancel = context.WithCancel(context.Background())
	return d
}

// Close ends the workers' connections and waits for them, and for what the Dispatcher does by itself.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	d.closed = true
	for _, w := range d.workers {
		w.end()
	}
	d.mu.Unlock()
	d.cancel()
	d.work.Wait()
}

// RoomStarted takes note of a room, and of the agents it was made with. A room that names none has those without a name.
func (d *Dispatcher) RoomStarted(info *livekit.Room, agents []*livekit.RoomAgentDispatch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &room{info: info, participants: map[string]*participant{}, agents: map[string]string{}, dispatches: map[string]*dispatch{}}
	d.rooms[info.Name] = r
	if len(agents) == 0 {
		d.addDispatchLocked(&dispatch{room: r, implicit: true, AgentDispatch: &livekit.AgentDispatch{Room: info.Name}})
	}
	if err := d.Check(agents); err != nil { // of a token's room configuration; the API has checked its own
		d.opts.Log.Warn("the agents that a token orders for a room are left out", "room", info.Name, "err", err)
		return
	}
	for _, a := range agents {
		d.addDispatchLocked(&dispatch{room: r, AgentDispatch: newDispatch(info.Name, a)})
	}
}

// RoomChanged takes note of what a room is like now.
func (d *Dispatcher) RoomChanged(info *livekit.Room) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.rooms[info.Name]; r != nil {
		r.info = info
	}
}

// RoomFinished ends all jobs of a room.
func (d *Dispatcher) RoomFinished(info *livekit.Room) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[info.Name]
	if r == nil || r.info.Sid != info.Sid {
		return
	}
	delete(d.rooms, info.Name)
	for _, ad := range r.dispatches {
		for _, j := range ad.jobs {
			d.endLocked(j, livekit.JobStatus_JS_SUCCESS, "")
		}
	}
}

// ParticipantJoined makes the jobs about that participant.
func (d *Dispatcher) ParticipantJoined(roomName string, p *livekit.ParticipantInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[roomName]
	switch {
	case r == nil:
	case p.Kind == livekit.ParticipantInfo_AGENT:
		r.agents[p.Identity] = p.Sid
	case !isService(p):
		r.participants[p.Identity] = &participant{info: p}
		for _, ad := range r.dispatches {
			d.createPerNamespaceLocked(ad, livekit.JobType_JT_PARTICIPANT, p)
		}
	}
}

// serves reports whether a participant only serves others, as a recorder does. No agent is dispatched for it.
func isService(p *livekit.ParticipantInfo) bool {
	return p.Kind == livekit.ParticipantInfo_AGENT || p.Kind == livekit.ParticipantInfo_EGRESS || p.Permission.GetAgent() || p.Permission.GetRecorder()
}

// ParticipantLeft forgets a participant and the jobs about it that nobody has begun; whether others are over is the
// agents' to say, who see it leave.
func (d *Dispatcher) ParticipantLeft(roomName string, p *livekit.ParticipantInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[roomName]
	switch {
	case r == nil:
	case r.agents[p.Identity] == p.Sid:
		delete(r.agents, p.Identity)
		d.agentLeftLocked(r, p)
	case r.participants[p.Identity] != nil && r.participants[p.Identity].info.Sid == p.Sid:
		delete(r.participants, p.Identity)
		for _, ad := range r.dispatches {
			ad.forgetParticipant(p.Sid)
		}
		for j := range d.waiting {
			if j.Participant.GetSid() == p.Sid {
				d.endLocked(j, livekit.JobStatus_JS_SUCCESS, "")
			}
		}
	}
}

// agentLeftLocked ends the job of an agent that was put out of the room, and has that of one that was lost begun anew.
// One that goes by itself, or comes back in another connection, says by its worker what becomes of its job.
func (d *Dispatcher) agentLeftLocked(r *room, p *livekit.ParticipantInfo) {
	switch p.DisconnectReason {
	case livekit.DisconnectReason_CLIENT_INITIATED, livekit.DisconnectReason_DUPLICATE_IDENTITY, livekit.DisconnectReason_MIGRATION:
		return
	}
	for _, ad := range r.dispatches {
		for _, j := range ad.jobs {
			if j.worker == nil || j.State.ParticipantIdentity != p.Identity {
				continue
			}
			d.terminateLocked(j, livekit.JobStatus_JS_FAILED, "the agent left the room")
			if p.DisconnectReason != livekit.DisconnectReason_PARTICIPANT_REMOVED {
				d.restartLocked(j)
			}
		}
	}
}

// TrackPublished makes the jobs about a participant that has just begun to publish.
func (d *Dispatcher) TrackPublished(roomName string, p *livekit.ParticipantInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[roomName]
	if r == nil || r.participants[p.Identity] == nil || r.participants[p.Identity].publishes {
		return
	}
	who := r.participants[p.Identity]
	who.info, who.publishes = p, true
	for _, ad := range r.dispatches {
		d.createPerNamespaceLocked(ad, livekit.JobType_JT_PUBLISHER, p)
	}
}

// Stats are a Dispatcher's figures of the moment.
type Stats struct{ Workers, Jobs, Waiting int }

// Stats counts the workers, the jobs they have, and those that wait for one.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{Workers: len(d.workers), Waiting: len(d.waiting)}
	for _, w := range d.workers {
		s.Jobs += len(w.jobs)
	}
	return s
}

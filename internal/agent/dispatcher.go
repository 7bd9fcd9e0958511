package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/token"
)

// Options configures a Dispatcher. The zero value is usable.
type Options struct {
	Log        *slog.Logger
	ServerInfo *livekit.ServerInfo // sent to workers when they register
	// Remove removes an agent from a room after its dispatch was deleted. If nil, such an agent may stay.
	Remove func(ctx context.Context, room, identity string) error
	// ResponseTimeout is how long a worker may take to register, and to accept or decline a job; 10 s if 0.
	// LeaveTimeout is how long an agent may take to leave the room after its dispatch was deleted; 3 s if 0.
	ResponseTimeout, LeaveTimeout time.Duration
}

// Dispatcher assigns the jobs of all rooms to the registered workers.
type Dispatcher struct {
	keys token.Keys
	opts Options

	context context.Context // cancelled by Close
	cancel  context.CancelFunc
	work    sync.WaitGroup // worker connections, job assignments and waits for agents to leave

	mu      sync.Mutex
	workers map[string]*worker // connected, by ID
	rooms   map[string]*room   // by name
	waiting map[*job]bool      // jobs without a free worker
	closed  bool
}

// room is an open room and its dispatches.
type room struct {
	info         *livekit.Room
	participants map[string]*participant // by identity, without agents and recorders
	agents       map[string]string       // SIDs of the agents in the room, by identity
	dispatches   map[string]*dispatch    // by ID
}

// participant is a participant for which jobs are created. Agents and recorders are not stored, because they cause no
// jobs.
type participant struct {
	info      *livekit.ParticipantInfo
	publishes bool
}

// New returns a Dispatcher. It signs an agent's token with the API key that the agent's worker has authenticated
// with.
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

// Close disconnects all workers and waits for all goroutines of the Dispatcher.
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

// RoomStarted adds a room with the dispatches of its configuration. If there are none, the room gets an implicit
// dispatch for workers without a name.
func (d *Dispatcher) RoomStarted(info *livekit.Room, agents []*livekit.RoomAgentDispatch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &room{info: info, participants: map[string]*participant{}, agents: map[string]string{}, dispatches: map[string]*dispatch{}}
	d.rooms[info.Name] = r
	if len(agents) == 0 {
		d.addDispatchLocked(&dispatch{room: r, implicit: true, AgentDispatch: &livekit.AgentDispatch{Room: info.Name}})
	}
	if err := d.Check(agents); err != nil { // possible only for the room configuration of a token: the API has called Check
		d.opts.Log.Warn("the agents in the room configuration of a token are ignored", "room", info.Name, "err", err)
		return
	}
	for _, a := range agents {
		d.addDispatchLocked(&dispatch{room: r, AgentDispatch: newDispatch(info.Name, a)})
	}
}

// RoomChanged updates the information that jobs contain about a room.
func (d *Dispatcher) RoomChanged(info *livekit.Room) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.rooms[info.Name]; r != nil {
		r.info = info
	}
}

// RoomFinished removes a room and ends all of its jobs. A later room with the same name is not affected.
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

// ParticipantJoined adds a participant to a room and creates the jobs about it.
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

// isService reports whether a participant is an agent or a recorder. There are no jobs about such participants.
func isService(p *livekit.ParticipantInfo) bool {
	return p.Kind == livekit.ParticipantInfo_AGENT || p.Kind == livekit.ParticipantInfo_EGRESS || p.Permission.GetAgent() || p.Permission.GetRecorder()
}

// ParticipantLeft removes a participant and its waiting jobs. Running jobs continue: their agents see the participant
// leave and decide when to end.
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

// agentLeftLocked handles the job of an agent that left the room. If the agent was removed, the job ends. If the agent
// lost its connection, the job restarts. If the agent left by itself or reconnected, nothing happens: its worker
// reports the state of the job.
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

// TrackPublished creates the publisher jobs about a participant when it publishes its first track.
func (d *Dispatcher) TrackPublished(roomName string, p *livekit.ParticipantInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[roomName]
	if r == nil || r.participants[p.Identity] == nil || r.participants[p.Identity].publishes {
		return
	}
	publisher := r.participants[p.Identity]
	publisher.info, publisher.publishes = p, true
	for _, ad := range r.dispatches {
		d.createPerNamespaceLocked(ad, livekit.JobType_JT_PUBLISHER, p)
	}
}

// Stats holds the current numbers of connected workers, assigned jobs, and jobs that wait for a worker.
type Stats struct{ Workers, Jobs, Waiting int }

// Stats returns the current numbers.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{Workers: len(d.workers), Waiting: len(d.waiting)}
	for _, w := range d.workers {
		s.Jobs += len(w.jobs)
	}
	return s
}

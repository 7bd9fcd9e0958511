package agent

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
	"meet/internal/token"
)

const (
	// maxDispatches bounds those of one room, maxJobs the jobs that one of them remembers.
	maxDispatches = 64
	maxJobs       = 4096
)

var (
	errTooMany  = fault.New(fault.Exhausted, "the room has as many agent dispatches as it may have")
	errNoRoom   = fault.New(fault.NotFound, "requested room does not exist")
	errNoSuch   = fault.New(fault.NotFound, "there is no such agent dispatch")
	errShutdown = fault.New(fault.Unavailable, "the server is restarting; try again in a moment")
)

// Options are what a Dispatcher may be told.
type Options struct {
	Log        *slog.Logger
	ServerInfo *livekit.ServerInfo // told to workers
	// Patience is how long a worker may take to register and to say whether it takes a job, 10 s when 0.
	Patience time.Duration
}

// Dispatcher knows the workers, and what is to be done in which room.
type Dispatcher struct {
	keys token.Keys
	opts Options

	context context.Context // ends with Close
	cancel  context.CancelFunc
	work    sync.WaitGroup // connections of workers, and jobs that look for one

	mu      sync.Mutex
	workers map[string]*worker
	rooms   map[string]*room // by name
	closed  bool
}

// room is one with what agents need to know of it.
type room struct {
	info       *livekit.Room
	people     map[string]*person   // by identity, without agents
	dispatches map[string]*dispatch // by id
}

// person is a participant.
type person struct {
	info      *livekit.ParticipantInfo
	publishes bool
}

// dispatch is an order for agents of one name. The implicit one of a room that names none is not shown.
type dispatch struct {
	*livekit.AgentDispatch
	implicit bool
	jobs     []*job
}

// New makes a Dispatcher that signs the tokens of agents with the key of the worker that runs them.
func New(keys token.Keys, o Options) *Dispatcher {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	d := &Dispatcher{keys: keys, opts: o, workers: map[string]*worker{}, rooms: map[string]*room{}}
	d.context, d.cancel = context.WithCancel(context.Background())
	return d
}

// Close ends the workers' connections and waits for what the Dispatcher does by itself.
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
	r := &room{info: info, people: map[string]*person{}, dispatches: map[string]*dispatch{}}
	d.rooms[info.Name] = r
	if len(agents) == 0 {
		d.addLocked(r, &livekit.AgentDispatch{Room: info.Name}, true)
	}
	for _, a := range agents[:min(len(agents), maxDispatches)] {
		d.addLocked(r, &livekit.AgentDispatch{
			AgentName: a.AgentName, Room: info.Name, Metadata: a.Metadata, RestartPolicy: a.RestartPolicy, Deployment: a.Deployment, Attributes: a.Attributes,
		}, false)
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
	for _, one := range r.dispatches {
		d.endLocked(one)
	}
}

// ParticipantJoined makes the jobs about that participant.
func (d *Dispatcher) ParticipantJoined(roomName string, p *livekit.ParticipantInfo) {
	if p.Kind == livekit.ParticipantInfo_AGENT {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.rooms[roomName]; r != nil {
		who := &person{info: p}
		r.people[p.Identity] = who
		for _, one := range r.dispatches {
			d.launchLocked(r, one, livekit.JobType_JT_PARTICIPANT, p)
		}
	}
}

// ParticipantLeft forgets a participant; whether its jobs are over is the agents' to say, who see it leave.
func (d *Dispatcher) ParticipantLeft(roomName string, p *livekit.ParticipantInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.rooms[roomName]; r != nil && r.people[p.Identity] != nil && r.people[p.Identity].info.Sid == p.Sid {
		delete(r.people, p.Identity)
	}
}

// TrackPublished makes the jobs about a participant that has just begun to publish.
func (d *Dispatcher) TrackPublished(roomName string, p *livekit.ParticipantInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[roomName]
	if r == nil || r.people[p.Identity] == nil || r.people[p.Identity].publishes {
		return
	}
	who := r.people[p.Identity]
	who.info, who.publishes = p, true
	for _, one := range r.dispatches {
		d.launchLocked(r, one, livekit.JobType_JT_PUBLISHER, p)
	}
}

// Create adds a dispatch to a room that is there.
func (d *Dispatcher) Create(req *livekit.CreateAgentDispatchRequest) (*livekit.AgentDispatch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[req.Room]
	switch {
	case d.closed:
		return nil, errShutdown
	case r == nil:
		return nil, errNoRoom
	case len(r.dispatches) >= maxDispatches:
		return nil, errTooMany
	}
	return d.addLocked(r, &livekit.AgentDispatch{
		AgentName: req.AgentName, Room: req.Room, Metadata: req.Metadata, RestartPolicy: req.RestartPolicy, Deployment: req.Deployment, Attributes: req.Attributes,
	}, false).shown(), nil
}

// Delete takes a dispatch away and ends its jobs.
func (d *Dispatcher) Delete(roomName, id string) (*livekit.AgentDispatch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[roomName]
	if r == nil {
		return nil, errNoRoom
	}
	one := r.dispatches[id]
	if one == nil || one.implicit {
		return nil, errNoSuch
	}
	delete(r.dispatches, id)
	one.State.DeletedAt = time.Now().UnixNano()
	d.endLocked(one)
	return one.shown(), nil
}

// List returns the dispatches of a room, the oldest first; only the one of that id if it is not "".
func (d *Dispatcher) List(roomName, id string) []*livekit.AgentDispatch {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[roomName]
	if r == nil {
		return nil
	}
	var list []*livekit.AgentDispatch
	for _, one := range slices.SortedFunc(maps.Values(r.dispatches), older) {
		if !one.implicit && (id == "" || id == one.Id) {
			list = append(list, one.shown())
		}
	}
	return list
}

func older(a, b *dispatch) int { return int(a.State.CreatedAt - b.State.CreatedAt) }

// addLocked makes a dispatch and its jobs for what is there already.
func (d *Dispatcher) addLocked(r *room, a *livekit.AgentDispatch, implicit bool) *dispatch {
	a.Id, a.State = newID("AD_"), &livekit.AgentDispatchState{CreatedAt: time.Now().UnixNano()}
	one := &dispatch{AgentDispatch: a, implicit: implicit}
	r.dispatches[a.Id] = one
	d.launchLocked(r, one, livekit.JobType_JT_ROOM, nil)
	for _, who := range r.people {
		d.launchLocked(r, one, livekit.JobType_JT_PARTICIPANT, who.info)
		if who.publishes {
			d.launchLocked(r, one, livekit.JobType_JT_PUBLISHER, who.info)
		}
	}
	return one
}

// endLocked tells the workers of a dispatch's jobs that they are over.
func (d *Dispatcher) endLocked(one *dispatch) {
	for _, j := range one.jobs {
		j.over = true
		if j.worker != nil {
			j.worker.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Termination{Termination: &livekit.JobTermination{JobId: j.Id}}})
			delete(j.worker.jobs, j.Id)
			j.worker = nil
		}
	}
}

// shown is a copy with the jobs that a worker has taken.
func (one *dispatch) shown() *livekit.AgentDispatch {
	a := proto.CloneOf(one.AgentDispatch)
	for _, j := range one.jobs {
		if j.State.WorkerId != "" {
			a.State.Jobs = append(a.State.Jobs, proto.CloneOf(j.Job))
		}
	}
	return a
}

// Stats are a Dispatcher's figures of the moment.
type Stats struct{ Workers, Jobs int }

// Stats counts the workers, and the jobs they have.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{Workers: len(d.workers)}
	for _, w := range d.workers {
		s.Jobs += len(w.jobs)
	}
	return s
}

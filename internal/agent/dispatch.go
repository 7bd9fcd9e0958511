package agent

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

var (
	errTooMany    = fault.New(fault.Exhausted, "the room has as many agent dispatches as it may have")
	errNoRoom     = fault.New(fault.NotFound, "requested room does not exist")
	errNoDispatch = fault.New(fault.NotFound, "there is no such agent dispatch")
	errShutdown   = fault.New(fault.Unavailable, "the server is restarting; try again in a moment")
)

// dispatch is an order for agents of one name.
type dispatch struct {
	*livekit.AgentDispatch
	room      *room
	implicit  bool    // what a room has that names no agents
	simulator *worker // who simulates the job; such a dispatch is not shown
	jobs      []*job
	created   map[subject]bool // what jobs have been made for
}

// subject is what there is one job for.
type subject struct {
	kind      livekit.JobType
	namespace string // of the workers, each of which has a job of its own
	sid       string // of the participant it is about, "" for the room
}

// Create adds a dispatch to a room that is there.
func (d *Dispatcher) Create(req *livekit.CreateAgentDispatchRequest) (*livekit.AgentDispatch, error) {
	ad := &dispatch{AgentDispatch: &livekit.AgentDispatch{
		AgentName: req.AgentName, Room: req.Room, Metadata: req.Metadata, RestartPolicy: req.RestartPolicy, Deployment: req.Deployment, Attributes: req.Attributes,
	}}
	if err := validate(ad.AgentDispatch); err != nil {
		return nil, err
	}
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
	ad.room = r
	d.addDispatchLocked(ad)
	return ad.snapshot(), nil
}

// Delete takes a dispatch away and ends its jobs. Agents that do not leave are put out.
func (d *Dispatcher) Delete(roomName, id string) (*livekit.AgentDispatch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[roomName]
	if r == nil {
		return nil, errNoRoom
	}
	ad := r.dispatches[id]
	if ad == nil || ad.simulator != nil {
		return nil, errNoDispatch
	}
	delete(r.dispatches, id)
	ad.State.DeletedAt = time.Now().UnixNano()
	remaining := map[string]string{} // sids by identity
	for _, j := range ad.jobs {
		if sid := r.agents[j.State.ParticipantIdentity]; j.worker != nil && sid != "" {
			remaining[j.State.ParticipantIdentity] = sid
		}
		d.endLocked(j, livekit.JobStatus_JS_SUCCESS, "")
	}
	if len(remaining) > 0 && d.opts.Remove != nil && !d.closed {
		d.work.Go(func() { d.removeAgents(r, remaining) }) // ends after Grace, or with Close
	}
	return ad.snapshot(), nil
}

// putOut removes those agents that have not left by themselves in time.
func (d *Dispatcher) removeAgents(r *room, remaining map[string]string) {
	select {
	case <-time.After(d.opts.LeaveTimeout):
	case <-d.context.Done():
		return
	}
	d.mu.Lock()
	maps.DeleteFunc(remaining, func(identity, sid string) bool { return r.agents[identity] != sid })
	name := r.info.Name
	d.mu.Unlock()
	for identity := range remaining {
		d.opts.Log.Warn("an agent whose dispatch was deleted did not leave and is put out", "room", name, "participant", identity)
		if err := d.opts.Remove(d.context, name, identity); err != nil && d.context.Err() == nil {
			d.opts.Log.Warn("an agent could not be put out", "room", name, "participant", identity, "err", err)
		}
	}
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
	for _, ad := range slices.SortedFunc(maps.Values(r.dispatches), byCreation) {
		if ad.simulator == nil && (id == "" || id == ad.Id) {
			list = append(list, ad.snapshot())
		}
	}
	return list
}

func byCreation(a, b *dispatch) int { return cmp.Compare(a.State.CreatedAt, b.State.CreatedAt) }

// addLocked takes in a dispatch, and makes its jobs for what is there already.
func (d *Dispatcher) addDispatchLocked(ad *dispatch) {
	ad.Id, ad.State, ad.created = newID("AD_"), &livekit.AgentDispatchState{CreatedAt: time.Now().UnixNano()}, map[subject]bool{}
	ad.room.dispatches[ad.Id] = ad
	for _, kind := range []livekit.JobType{livekit.JobType_JT_ROOM, livekit.JobType_JT_PARTICIPANT, livekit.JobType_JT_PUBLISHER} {
		d.createJobsLocked(ad, kind)
	}
}

// fillLocked makes the jobs of one kind for what is there.
func (d *Dispatcher) createJobsLocked(ad *dispatch, kind livekit.JobType) {
	if kind == livekit.JobType_JT_ROOM {
		d.createPerNamespaceLocked(ad, kind, nil)
		return
	}
	for _, who := range ad.room.participants {
		if kind == livekit.JobType_JT_PARTICIPANT || who.publishes {
			d.createPerNamespaceLocked(ad, kind, who.info)
		}
	}
}

// forget lets a participant who comes back have jobs again.
func (ad *dispatch) forgetParticipant(sid string) {
	maps.DeleteFunc(ad.created, func(s subject, _ bool) bool { return s.sid == sid })
}

// shown is a copy with the jobs that a worker has taken.
func (ad *dispatch) snapshot() *livekit.AgentDispatch {
	a := proto.CloneOf(ad.AgentDispatch)
	for _, j := range ad.jobs {
		if j.State.WorkerId != "" {
			a.State.Jobs = append(a.State.Jobs, proto.CloneOf(j.Job))
		}
	}
	return a
}

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
	errTooMany    = fault.New(fault.Exhausted, "the room has too many agent dispatches; delete some first")
	errNoRoom     = fault.New(fault.NotFound, "requested room does not exist")
	errNoDispatch = fault.New(fault.NotFound, "there is no such agent dispatch")
	errShutdown   = fault.New(fault.Unavailable, "the server is restarting; try again in a moment")
)

// dispatch is a request for agents of one name in one room. It is guarded by Dispatcher.mu.
type dispatch struct {
	*livekit.AgentDispatch
	room      *room
	implicit  bool    // made for a room that requests no agents by name
	simulator *worker // if not nil, the only worker to get the job, which it simulates; not listed by the API
	jobs      []*job
	created   map[subject]bool // subjects that already have a job
}

// subject identifies a job of a dispatch by its type, the namespace of its workers, and the participant, if it is for one.
// The dispatch gets at most one job for each subject.
type subject struct {
	kind      livekit.JobType
	namespace string // namespace of the workers that may do the job
	sid       string // of the participant, "" for a room job
}

// Create adds a dispatch to an existing room and returns a copy.
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

// Delete removes a dispatch and ends its jobs. Agents that do not leave the room within LeaveTimeout are removed from
// it.
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
	remaining := map[string]string{} // SIDs of the agents in the room, by identity
	for _, j := range ad.jobs {
		if sid := r.agents[j.State.ParticipantIdentity]; j.worker != nil && sid != "" {
			remaining[j.State.ParticipantIdentity] = sid
		}
		d.endLocked(j, livekit.JobStatus_JS_SUCCESS, "")
	}
	if len(remaining) > 0 && d.opts.Remove != nil && !d.closed {
		d.work.Go(func() { d.removeAgents(r, remaining) }) // ends after LeaveTimeout, or with Close
	}
	return ad.snapshot(), nil
}

// removeAgents waits for LeaveTimeout and removes the agents that have not left the room by then. remaining maps
// their identities to SIDs.
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
		d.opts.Log.Warn("an agent whose dispatch was deleted did not leave and is removed", "room", name, "participant", identity)
		if err := d.opts.Remove(d.context, name, identity); err != nil && d.context.Err() == nil {
			d.opts.Log.Warn("an agent could not be removed", "room", name, "participant", identity, "err", err)
		}
	}
}

// List returns copies of a room's dispatches, the oldest first. If id is not "", it returns only the dispatch with
// this ID.
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

// byCreation compares the creation times of two dispatches.
func byCreation(a, b *dispatch) int { return cmp.Compare(a.State.CreatedAt, b.State.CreatedAt) }

// addDispatchLocked adds a dispatch to its room, and creates jobs for the room and the participants in it.
func (d *Dispatcher) addDispatchLocked(ad *dispatch) {
	ad.Id, ad.State, ad.created = newID("AD_"), &livekit.AgentDispatchState{CreatedAt: time.Now().UnixNano()}, map[subject]bool{}
	ad.room.dispatches[ad.Id] = ad
	for _, kind := range []livekit.JobType{livekit.JobType_JT_ROOM, livekit.JobType_JT_PARTICIPANT, livekit.JobType_JT_PUBLISHER} {
		d.createJobsLocked(ad, kind)
	}
}

// createJobsLocked creates the dispatch's jobs of one type: those for the room, for all participants, or for all
// publishers.
func (d *Dispatcher) createJobsLocked(ad *dispatch, kind livekit.JobType) {
	if kind == livekit.JobType_JT_ROOM {
		d.createPerNamespaceLocked(ad, kind, nil)
		return
	}
	for _, p := range ad.room.participants {
		if kind == livekit.JobType_JT_PARTICIPANT || p.publishes {
			d.createPerNamespaceLocked(ad, kind, p.info)
		}
	}
}

// forgetParticipant allows new jobs about the participant with the given SID, in case it joins again.
func (ad *dispatch) forgetParticipant(sid string) {
	maps.DeleteFunc(ad.created, func(s subject, _ bool) bool { return s.sid == sid })
}

// snapshot returns a copy of the dispatch for the API. It includes the jobs that have been assigned to a worker.
func (ad *dispatch) snapshot() *livekit.AgentDispatch {
	a := proto.CloneOf(ad.AgentDispatch)
	for _, j := range ad.jobs {
		if j.State.WorkerId != "" {
			a.State.Jobs = append(a.State.Jobs, proto.CloneOf(j.Job))
		}
	}
	return a
}

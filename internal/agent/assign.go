package agent

import (
	"cmp"
	"maps"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/token"
)

const (
	// loadTarget is the load from which on a worker gets no more jobs (docs/protocol.md, 11).
	loadTarget = 0.7
	// maxAsked is how many questions a worker may have yet to answer: a burst of jobs must not fill its queue.
	maxOffers = 64
	// agentTokenTTL is how long an agent has to join.
	agentTokenTTL = time.Hour
)

// seekLocked looks for a worker for a job. A job is looked after by one goroutine at a time.
func (d *Dispatcher) startAssignLocked(j *job, resuming bool) {
	d.work.Go(func() { d.assign(j, resuming) }) // ends when somebody has taken the job, or all were asked, or with Close
}

// place asks one worker after another until one takes the job.
func (d *Dispatcher) assign(j *job, resuming bool) {
	for {
		d.mu.Lock()
		if j.ended || d.closed {
			d.mu.Unlock()
			return
		}
		w := d.pickWorkerLocked(j)
		if w == nil {
			d.waitOrDropLocked(j)
			d.mu.Unlock()
			return
		}
		if j.tried == nil {
			j.tried = map[string]bool{}
		}
		j.tried[w.id] = true // unless it says something else
		answer := make(chan *livekit.AvailabilityResponse, 1)
		w.offers[j.Id] = answer
		w.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Availability{
			Availability: &livekit.AvailabilityRequest{Job: proto.CloneOf(j.Job), Resuming: resuming},
		}})
		d.mu.Unlock()
		if d.awaitAnswer(j, w, answer) {
			return
		}
	}
}

// nobodyLocked lets a job wait for a worker, or gives it up.
func (d *Dispatcher) waitOrDropLocked(j *job) {
	ad := j.dispatch
	if d.saturatedLocked(j) {
		d.waiting[j] = true // for a moment
		return
	}
	d.opts.Log.Warn("no agent worker takes a job", "room", j.Room.GetName(), "agent", j.AgentName, "job", j.Id)
	switch {
	case ad.simulator != nil:
		j.ended = true
		delete(ad.room.dispatches, ad.Id)
	case ad.implicit && j.restarts == 0:
		j.ended = true
	default:
		d.waiting[j] = true
	}
}

// asksTooMuchLocked reports whether a worker is free but for the many questions it has yet to answer.
func (d *Dispatcher) saturatedLocked(j *job) bool {
	for _, w := range d.workers {
		if len(w.offers) >= maxOffers && w.eligible(j) {
			return true
		}
	}
	return false
}

// wakeLocked has the jobs that wait for such a worker placed, as many as it can be asked about.
func (d *Dispatcher) assignWaitingLocked(w *worker) {
	slots := maxOffers - len(w.offers)
	for j := range d.waiting {
		if slots <= 0 {
			return
		}
		if w.eligible(j) {
			slots--
			delete(d.waiting, j)
			d.startAssignLocked(j, j.restarts > 0)
		}
	}
}

// await reports whether the worker that was asked has taken the job, or ended it.
func (d *Dispatcher) awaitAnswer(j *job, w *worker, answer <-chan *livekit.AvailabilityResponse) bool {
	limit := time.NewTimer(d.opts.ResponseTimeout)
	defer limit.Stop()
	var a *livekit.AvailabilityResponse
	select {
	case a = <-answer:
	case <-w.ended:
	case <-limit.C:
	case <-d.context.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(w.offers, j.Id)
	d.assignWaitingLocked(w) // it has room for another question
	switch {
	case j.ended:
		return true
	case a.GetTerminate():
		j.setOutcome(livekit.JobStatus_JS_SUCCESS, "")
		j.ended = true
		return true
	case !a.GetAvailable() || d.workers[w.id] != w:
		return false
	}
	return d.assignLocked(j, w, a)
}

// assignLocked gives the job to the worker, with a token for its agent.
func (d *Dispatcher) assignLocked(j *job, w *worker, a *livekit.AvailabilityResponse) bool {
	identity := cmp.Or(a.ParticipantIdentity, "agent-"+j.Id)
	raw, err := d.agentToken(j, w, identity, a)
	if err != nil {
		d.opts.Log.Error("an agent's token could not be made", "err", err)
		return false
	}
	now := time.Now().UnixNano()
	j.State = &livekit.JobState{
		Status: livekit.JobStatus_JS_RUNNING, StartedAt: now, UpdatedAt: now, ParticipantIdentity: identity, WorkerId: w.id, AgentId: w.id,
	}
	j.worker = w
	w.jobs[j.Id] = j
	w.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Assignment{
		Assignment: &livekit.JobAssignment{Job: proto.CloneOf(j.Job), Token: raw},
	}})
	d.opts.Log.Info("agent job assigned", "room", j.Room.GetName(), "agent", j.AgentName, "job", j.Id, "worker", w.id)
	return true
}

// agentToken lets the agent into the job's room, with the permissions its worker asked for.
func (d *Dispatcher) agentToken(j *job, w *worker, identity string, a *livekit.AvailabilityResponse) (string, error) {
	attributes := maps.Clone(a.ParticipantAttributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	attributes["lk.agent_name"] = j.AgentName
	p := w.permission
	var sources []string
	for _, s := range p.CanPublishSources {
		sources = append(sources, strings.ToLower(s.String()))
	}
	return token.New(w.key, d.keys[w.key]).SetIdentity(identity).SetName(a.ParticipantName).SetMetadata(a.ParticipantMetadata).
		SetAttributes(attributes).SetKind("agent").SetTTL(agentTokenTTL).SetVideoGrant(token.VideoGrant{
		RoomJoin: true, Room: j.Room.GetName(), Agent: true, CanPublish: &p.CanPublish, CanSubscribe: &p.CanSubscribe,
		CanPublishData: &p.CanPublishData, CanUpdateOwnMetadata: p.CanUpdateMetadata, CanPublishSources: sources, Hidden: p.Hidden,
	}).ToJWT()
}

// pickLocked draws a worker for the job among those that are free, the likelier the less it has to do.
func (d *Dispatcher) pickWorkerLocked(j *job) *worker {
	var free []*worker
	var sum float32
	for _, w := range d.workers {
		if len(w.offers) < maxOffers && w.eligible(j) {
			free = append(free, w)
			sum += 1 - w.load
		}
	}
	at := mathrand.Float32() * sum
	for _, w := range free {
		if at -= 1 - w.load; at <= 0 {
			return w
		}
	}
	if len(free) > 0 { // rounding
		return free[len(free)-1]
	}
	return nil
}

// free reports whether the worker may be asked to do the job.
func (w *worker) eligible(j *job) bool {
	switch {
	case j.tried[w.id] || !w.accepts(j.dispatch, j.Type) || w.namespace != j.Namespace:
		return false
	case j.dispatch.simulator != nil:
		return true // it has asked for it
	}
	return w.available && w.load < loadTarget
}

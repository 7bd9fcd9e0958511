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
	// loadTarget is the load from which on no more jobs are offered to a worker (docs/protocol.md, 11).
	loadTarget = 0.7
	// maxOffers bounds the number of a worker's unanswered offers, so that a burst of jobs does not fill its queue.
	maxOffers = 64
	// agentTokenTTL is the lifetime of an agent's token. The agent must join the room within this time.
	agentTokenTTL = time.Hour
)

// startAssignLocked starts the goroutine that offers a job to workers. A job must have only one such goroutine at a
// time.
func (d *Dispatcher) startAssignLocked(j *job, resuming bool) {
	d.work.Go(func() { d.assign(j, resuming) }) // ends when the job is assigned or has ended, when no worker is left to ask, or with Close
}

// assign offers the job to one worker after another until one accepts it. resuming tells workers that the job ran
// before.
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
		j.tried[w.id] = true
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

// waitOrDropLocked makes a job wait if a worker could do it but has too many unanswered offers. Otherwise it ends a
// simulated job, ends a job of the implicit dispatch that has not run before, and makes any other job wait.
func (d *Dispatcher) waitOrDropLocked(j *job) {
	ad := j.dispatch
	if d.saturatedLocked(j) {
		d.waiting[j] = true // until that worker answers an offer
		return
	}
	d.opts.Log.Warn("no agent worker accepts a job", "room", j.Room.GetName(), "agent", j.AgentName, "job", j.Id)
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

// saturatedLocked reports whether a worker could do the job but has too many unanswered offers.
func (d *Dispatcher) saturatedLocked(j *job) bool {
	for _, w := range d.workers {
		if len(w.offers) >= maxOffers && w.eligible(j) {
			return true
		}
	}
	return false
}

// assignWaitingLocked starts to assign waiting jobs that the worker can do. It stops when the worker would have maxOffers
// unanswered offers.
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

// awaitAnswer waits for the worker's answer to the offer of a job. It returns true if the job was assigned or has
// ended, and false if it must be offered to another worker.
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
	d.assignWaitingLocked(w) // it may be sent another offer
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

// assignLocked assigns the job to the worker and sends it a token for its agent. It returns false if no token can be
// made.
func (d *Dispatcher) assignLocked(j *job, w *worker, a *livekit.AvailabilityResponse) bool {
	identity := cmp.Or(a.ParticipantIdentity, "agent-"+j.Id)
	raw, err := d.agentToken(j, w, identity, a)
	if err != nil {
		d.opts.Log.Error("an agent's token could not be created", "err", err)
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

// agentToken returns a token with which the agent can join the job's room, with the permissions that its worker
// registered.
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

// pickWorkerLocked returns a random eligible worker, or nil if there is none. The probability of each worker is
// proportional to 1 minus its load.
func (d *Dispatcher) pickWorkerLocked(j *job) *worker {
	var free []*worker
	var sum float32
	for _, w := range d.workers {
		if len(w.offers) < maxOffers && w.eligible(j) {
			free = append(free, w)
			sum += 1 - w.load
		}
	}
	point := mathrand.Float32() * sum
	for _, w := range free {
		if point -= 1 - w.load; point <= 0 {
			return w
		}
	}
	if len(free) > 0 { // point is above 0 only because of rounding
		return free[len(free)-1]
	}
	return nil
}

// eligible reports whether the job may be offered to the worker.
func (w *worker) eligible(j *job) bool {
	switch {
	case j.tried[w.id] || !w.accepts(j.dispatch, j.Type) || w.namespace != j.Namespace:
		return false
	case j.dispatch.simulator != nil:
		return true // whatever its load: the worker requested the job
	}
	return w.available && w.load < loadTarget
}

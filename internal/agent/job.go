package agent

import (
	"cmp"
	"crypto/rand"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/token"
)

const (
	// loadTarget is the load from which on a worker gets no more jobs (livekit-protocol.md, 11).
	loadTarget = 0.7
	// maxRestarts is how often a job that fails is given to somebody again: more is no accident.
	maxRestarts = 5
	// agentTokenTTL is how long an agent has to join.
	agentTokenTTL = time.Hour
)

// job is one piece of work. All of it is guarded by Dispatcher.mu.
type job struct {
	*livekit.Job
	policy   livekit.JobRestartPolicy
	worker   *worker // who does it; nil while nobody does
	asked    *worker // who was asked, and has not answered
	answer   chan *livekit.AvailabilityResponse
	restarts int
	over     bool // nobody is to do it any more
}

// launchLocked makes a job and looks for somebody to do it, if there is any worker of that kind.
func (d *Dispatcher) launchLocked(r *room, one *dispatch, kind livekit.JobType, p *livekit.ParticipantInfo) {
	if d.closed || !d.anybodyLocked(kind, one.AgentName) {
		return
	}
	if len(one.jobs) >= maxJobs {
		one.jobs = one.jobs[1:] // the oldest are long over
	}
	j := &job{policy: one.RestartPolicy, Job: &livekit.Job{
		Id: newID("AJ_"), DispatchId: one.Id, Type: kind, Room: r.info, Participant: p, Metadata: one.Metadata, AgentName: one.AgentName,
		Deployment: one.Deployment, Attributes: one.Attributes, State: &livekit.JobState{},
	}}
	one.jobs = append(one.jobs, j)
	d.work.Go(func() { d.place(j, false) }) // ends when somebody has taken the job, or all were asked, or with Close
}

// anybodyLocked tells whether a worker does jobs of that kind, busy or not.
func (d *Dispatcher) anybodyLocked(kind livekit.JobType, name string) bool {
	for _, w := range d.workers {
		if w.does(kind, name) {
			return true
		}
	}
	return false
}

// place asks one worker after another until one takes the job.
func (d *Dispatcher) place(j *job, resuming bool) {
	asked := map[*worker]bool{}
	for {
		d.mu.Lock()
		w := d.pickLocked(j, asked)
		if w == nil {
			d.mu.Unlock()
			if d.context.Err() == nil {
				d.opts.Log.Warn("no agent worker takes a job", "room", j.Room.GetName(), "agent", j.AgentName, "job", j.Id)
			}
			return
		}
		asked[w] = true
		answer := make(chan *livekit.AvailabilityResponse, 1)
		j.asked, j.answer = w, answer
		w.asked[j.Id] = j
		w.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Availability{
			Availability: &livekit.AvailabilityRequest{Job: proto.CloneOf(j.Job), Resuming: resuming},
		}})
		d.mu.Unlock()
		if d.await(j, w, answer) {
			return
		}
	}
}

// await tells whether the worker that was asked has taken the job, or ended it.
func (d *Dispatcher) await(j *job, w *worker, answer <-chan *livekit.AvailabilityResponse) bool {
	limit := time.NewTimer(d.opts.Patience)
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
	delete(w.asked, j.Id)
	j.asked, j.answer = nil, nil
	switch {
	case j.over:
		return true
	case a.GetTerminate():
		j.finish(livekit.JobStatus_JS_SUCCESS, "")
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

// pickLocked draws a worker for the job among those that are free and were not asked, the likelier the less it has to do.
func (d *Dispatcher) pickLocked(j *job, asked map[*worker]bool) *worker {
	if j.over || d.closed {
		return nil
	}
	var free []*worker
	var sum float64
	for _, w := range d.workers {
		if w.does(j.Type, j.AgentName) && w.available && w.load < loadTarget && !asked[w] {
			free = append(free, w)
			sum += 1 - w.load
		}
	}
	at := mathrand.Float64() * sum
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

// updateLocked takes what a worker says of its job.
func (d *Dispatcher) updateLocked(w *worker, u *livekit.UpdateJobStatus) {
	j := w.jobs[u.JobId]
	if j == nil {
		return
	}
	j.State.UpdatedAt = time.Now().UnixNano()
	if u.Status == livekit.JobStatus_JS_PENDING || u.Status == livekit.JobStatus_JS_RUNNING {
		j.State.Status = u.Status
		return
	}
	delete(w.jobs, j.Id)
	j.worker = nil
	j.finish(u.Status, u.Error)
	if u.Status == livekit.JobStatus_JS_FAILED {
		d.restartLocked(j)
	}
}

// finish notes how the job ended.
func (j *job) finish(status livekit.JobStatus, why string) {
	now := time.Now().UnixNano()
	j.State.Status, j.State.Error, j.State.EndedAt, j.State.UpdatedAt = status, why, now, now
}

// restartLocked gives a job that has failed to somebody else, where its dispatch wants that.
func (d *Dispatcher) restartLocked(j *job) {
	if j.over || d.closed || j.policy == livekit.JobRestartPolicy_JRP_NEVER || j.restarts >= maxRestarts {
		return
	}
	j.restarts++
	d.work.Go(func() { d.place(j, true) }) // as in launchLocked
}

// newID makes an id as LiveKit's are: a prefix and twelve letters and digits.
func newID(prefix string) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	id := []byte(prefix)
	for range 12 {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet)))) // never fails (crypto/rand)
		id = append(id, alphabet[n.Int64()])
	}
	return string(id)
}

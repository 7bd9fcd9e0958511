package agent

import (
	"crypto/rand"
	"math/big"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
)

// maxRestarts is how often a job that fails is given to somebody again: more is no accident.
const maxRestarts = 5

// job is one piece of work. All of it is guarded by Dispatcher.mu.
type job struct {
	*livekit.Job
	dispatch *dispatch
	worker   *worker         // who does it; nil while nobody does
	refused  map[string]bool // ids of the workers that did not take it
	restarts int
	over     bool // nobody is to do it any more
}

// launchLocked makes a job for each namespace that has workers of that kind, busy or not, and looks for one to do it.
func (d *Dispatcher) launchLocked(one *dispatch, kind livekit.JobType, p *livekit.ParticipantInfo) {
	for _, w := range d.workers {
		about := subject{kind, w.namespace, p.GetSid()}
		if !d.closed && w.does(one, kind) && !one.made[about] && !d.makeLocked(one, about, p) {
			return
		}
	}
}

// makeLocked makes a job and looks for a worker to do it. It reports false if there are too many jobs.
func (d *Dispatcher) makeLocked(one *dispatch, about subject, p *livekit.ParticipantInfo) bool {
	if len(one.jobs) >= maxJobs {
		past := slices.IndexFunc(one.jobs, func(j *job) bool { return j.over })
		if past < 0 {
			d.opts.Log.Warn("an agent dispatch has as many jobs as it may have", "room", one.room.info.Name, "agent", one.AgentName)
			return false
		}
		one.jobs = slices.Delete(one.jobs, past, past+1)
	}
	one.made[about] = true
	j := &job{dispatch: one, Job: &livekit.Job{
		Id: newID("AJ_"), DispatchId: one.Id, Type: about.kind, Room: one.room.info, Participant: p, Metadata: one.Metadata, AgentName: one.AgentName,
		Namespace: about.namespace, Deployment: one.Deployment, Attributes: one.Attributes, State: &livekit.JobState{},
	}}
	one.jobs = append(one.jobs, j)
	d.seekLocked(j, false)
	return true
}

// updateLocked takes what a worker says of its job.
func (d *Dispatcher) updateLocked(w *worker, u *livekit.UpdateJobStatus) {
	j := w.jobs[u.JobId]
	if j == nil {
		return
	}
	switch u.Status {
	case livekit.JobStatus_JS_SUCCESS:
		d.leaveLocked(j, u.Status, u.Error)
	case livekit.JobStatus_JS_FAILED:
		d.leaveLocked(j, u.Status, u.Error)
		d.restartLocked(j)
	case livekit.JobStatus_JS_PENDING, livekit.JobStatus_JS_RUNNING:
		j.State.Status, j.State.UpdatedAt = u.Status, time.Now().UnixNano()
	}
}

// endLocked ends a job for good, whoever does it or would have.
func (d *Dispatcher) endLocked(j *job, status livekit.JobStatus, why string) {
	delete(d.waiting, j)
	d.releaseLocked(j, status, why)
	j.over = true
}

// releaseLocked tells the worker that its job has ended.
func (d *Dispatcher) releaseLocked(j *job, status livekit.JobStatus, why string) {
	if j.worker == nil {
		return
	}
	j.worker.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Termination{Termination: &livekit.JobTermination{JobId: j.Id}}})
	d.leaveLocked(j, status, why)
}

// leaveLocked takes a job from its worker and notes its outcome. The job counts as ended, unless the caller assigns it to
// another worker.
func (d *Dispatcher) leaveLocked(j *job, status livekit.JobStatus, why string) {
	delete(j.worker.jobs, j.Id)
	j.worker, j.over = nil, true
	j.finish(status, why)
	if j.dispatch.only != nil {
		delete(j.dispatch.room.dispatches, j.DispatchId)
	}
}

// maxReason bounds what is kept of a worker's words on why a job ended, in bytes.
const maxReason = 1024

// finish notes how the job ended.
func (j *job) finish(status livekit.JobStatus, why string) {
	now := time.Now().UnixNano()
	j.State.Status, j.State.Error, j.State.EndedAt, j.State.UpdatedAt = status, shorten(why), now, now
}

// shorten cuts text, which is valid UTF-8, between two characters.
func shorten(text string) string {
	if len(text) <= maxReason {
		return text
	}
	end := maxReason
	for end > 0 && text[end]&0xC0 == 0x80 { // in the middle of a character
		end--
	}
	return text[:end]
}

// restartLocked gives a job that has failed to somebody else, where its dispatch wants that.
func (d *Dispatcher) restartLocked(j *job) {
	one := j.dispatch
	if d.closed || one.RestartPolicy == livekit.JobRestartPolicy_JRP_NEVER || one.only != nil || j.restarts >= maxRestarts || one.room.dispatches[one.Id] != one {
		return
	}
	j.over, j.refused = false, nil
	j.restarts++
	d.seekLocked(j, true)
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

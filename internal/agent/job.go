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
	tried    map[string]bool // ids of the workers that did not take it
	restarts int
	ended    bool // nobody is to do it any more
}

// launchLocked makes a job for each namespace that has workers of that kind, busy or not, and looks for one to do it.
func (d *Dispatcher) createPerNamespaceLocked(ad *dispatch, kind livekit.JobType, p *livekit.ParticipantInfo) {
	for _, w := range d.workers {
		about := subject{kind, w.namespace, p.GetSid()}
		if !d.closed && w.accepts(ad, kind) && !ad.created[about] && !d.createJobLocked(ad, about, p) {
			return
		}
	}
}

// makeLocked makes a job and looks for a worker to do it. It reports false if there are too many jobs.
func (d *Dispatcher) createJobLocked(ad *dispatch, about subject, p *livekit.ParticipantInfo) bool {
	if len(ad.jobs) >= maxJobs {
		past := slices.IndexFunc(ad.jobs, func(j *job) bool { return j.ended })
		if past < 0 {
			d.opts.Log.Warn("an agent dispatch has as many jobs as it may have", "room", ad.room.info.Name, "agent", ad.AgentName)
			return false
		}
		ad.jobs = slices.Delete(ad.jobs, past, past+1)
	}
	ad.created[about] = true
	j := &job{dispatch: ad, Job: &livekit.Job{
		Id: newID("AJ_"), DispatchId: ad.Id, Type: about.kind, Room: ad.room.info, Participant: p, Metadata: ad.Metadata, AgentName: ad.AgentName,
		Namespace: about.namespace, Deployment: ad.Deployment, Attributes: ad.Attributes, State: &livekit.JobState{},
	}}
	ad.jobs = append(ad.jobs, j)
	d.startAssignLocked(j, false)
	return true
}

// updateLocked takes what a worker says of its job.
func (d *Dispatcher) updateJobLocked(w *worker, u *livekit.UpdateJobStatus) {
	j := w.jobs[u.JobId]
	if j == nil {
		return
	}
	switch u.Status {
	case livekit.JobStatus_JS_SUCCESS:
		d.unassignLocked(j, u.Status, u.Error)
	case livekit.JobStatus_JS_FAILED:
		d.unassignLocked(j, u.Status, u.Error)
		d.restartLocked(j)
	case livekit.JobStatus_JS_PENDING, livekit.JobStatus_JS_RUNNING:
		j.State.Status, j.State.UpdatedAt = u.Status, time.Now().UnixNano()
	}
}

// endLocked ends a job for good, whoever does it or would have.
func (d *Dispatcher) endLocked(j *job, status livekit.JobStatus, why string) {
	delete(d.waiting, j)
	d.terminateLocked(j, status, why)
	j.ended = true
}

// releaseLocked tells the worker that its job has ended.
func (d *Dispatcher) terminateLocked(j *job, status livekit.JobStatus, why string) {
	if j.worker == nil {
		return
	}
	j.worker.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Termination{Termination: &livekit.JobTermination{JobId: j.Id}}})
	d.unassignLocked(j, status, why)
}

// leaveLocked takes a job from its worker and notes its outcome. The job counts as ended, unless the caller assigns it to
// another worker.
func (d *Dispatcher) unassignLocked(j *job, status livekit.JobStatus, why string) {
	delete(j.worker.jobs, j.Id)
	j.worker, j.ended = nil, true
	j.setOutcome(status, why)
	if j.dispatch.simulator != nil {
		delete(j.dispatch.room.dispatches, j.DispatchId)
	}
}

// maxReason bounds what is kept of a worker's words on why a job ended, in bytes.
const maxReason = 1024

// finish notes how the job ended.
func (j *job) setOutcome(status livekit.JobStatus, why string) {
	now := time.Now().UnixNano()
	j.State.Status, j.State.Error, j.State.EndedAt, j.State.UpdatedAt = status, truncateReason(why), now, now
}

// shorten cuts text, which is valid UTF-8, between two characters.
func truncateReason(text string) string {
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
	ad := j.dispatch
	if d.closed || ad.RestartPolicy == livekit.JobRestartPolicy_JRP_NEVER || ad.simulator != nil || j.restarts >= maxRestarts || ad.room.dispatches[ad.Id] != ad {
		return
	}
	j.ended, j.tried = false, nil
	j.restarts++
	d.startAssignLocked(j, true)
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

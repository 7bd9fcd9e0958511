package agent

import (
	"crypto/rand"
	"math/big"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
)

// maxRestarts bounds the number of times that a failed job is reassigned. A job that fails more often will probably fail
// every time.
const maxRestarts = 5

// job is one job of a dispatch. All fields are guarded by Dispatcher.mu.
type job struct {
	*livekit.Job
	dispatch *dispatch
	worker   *worker         // that the job is assigned to, or nil
	tried    map[string]bool // IDs of workers that did not accept it since it was created or restarted
	restarts int
	ended    bool // must not be assigned to a worker any more
}

// createPerNamespaceLocked creates one job in each namespace that has workers for this type of job, even if none of them
// is free. It skips namespaces in which the job has been created before. p is the participant that the jobs are about,
// nil for a room job.
func (d *Dispatcher) createPerNamespaceLocked(ad *dispatch, kind livekit.JobType, p *livekit.ParticipantInfo) {
	for _, w := range d.workers {
		about := subject{kind, w.namespace, p.GetSid()}
		if !d.closed && w.accepts(ad, kind) && !ad.created[about] && !d.createJobLocked(ad, about, p) {
			return
		}
	}
}

// createJobLocked creates a job and starts to assign it. It returns false if the dispatch already has maxJobs jobs
// that have not ended.
func (d *Dispatcher) createJobLocked(ad *dispatch, about subject, p *livekit.ParticipantInfo) bool {
	if len(ad.jobs) >= maxJobs {
		past := slices.IndexFunc(ad.jobs, func(j *job) bool { return j.ended })
		if past < 0 {
			d.opts.Log.Warn("an agent dispatch has too many running jobs", "room", ad.room.info.Name, "agent", ad.AgentName)
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

// updateJobLocked applies a worker's report about one of its jobs.
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

// endLocked finishes a job permanently. If the job is assigned, its worker receives a request to stop.
func (d *Dispatcher) endLocked(j *job, status livekit.JobStatus, why string) {
	delete(d.waiting, j)
	d.terminateLocked(j, status, why)
	j.ended = true
}

// terminateLocked requests the worker of an assigned job to end it, and unassigns the job. It does nothing if the job is not
// assigned.
func (d *Dispatcher) terminateLocked(j *job, status livekit.JobStatus, why string) {
	if j.worker == nil {
		return
	}
	j.worker.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Termination{Termination: &livekit.JobTermination{JobId: j.Id}}})
	d.unassignLocked(j, status, why)
}

// unassignLocked takes an assigned job from its worker, records the outcome, and marks the job as ended. The caller may
// then call restartLocked. If the job is simulated, its dispatch is removed too.
func (d *Dispatcher) unassignLocked(j *job, status livekit.JobStatus, why string) {
	delete(j.worker.jobs, j.Id)
	j.worker, j.ended = nil, true
	j.setOutcome(status, why)
	if j.dispatch.simulator != nil {
		delete(j.dispatch.room.dispatches, j.DispatchId)
	}
}

// maxReason is the largest size, in bytes, of the stored text that says why a job failed.
const maxReason = 1024

// setOutcome records how the job ended, and when.
func (j *job) setOutcome(status livekit.JobStatus, why string) {
	now := time.Now().UnixNano()
	j.State.Status, j.State.Error, j.State.EndedAt, j.State.UpdatedAt = status, truncateReason(why), now, now
}

// truncateReason returns at most maxReason bytes of valid UTF-8 text, cut between two characters.
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

// restartLocked offers a failed job to workers again, unless its restart policy or maxRestarts forbids it.
func (d *Dispatcher) restartLocked(j *job) {
	ad := j.dispatch
	if d.closed || ad.RestartPolicy == livekit.JobRestartPolicy_JRP_NEVER || ad.simulator != nil || j.restarts >= maxRestarts || ad.room.dispatches[ad.Id] != ad {
		return
	}
	j.ended, j.tried = false, nil
	j.restarts++
	d.startAssignLocked(j, true)
}

// newID returns a random ID in LiveKit's format: a prefix and twelve letters and digits.
func newID(prefix string) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	id := []byte(prefix)
	for range 12 {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet)))) // never fails (crypto/rand)
		id = append(id, alphabet[n.Int64()])
	}
	return string(id)
}

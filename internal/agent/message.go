package agent

import (
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/fault"
)

// maxSimulated bounds the simulated jobs that one worker has at a time.
const maxSimulated = 16

var (
	errUnregistered = fault.New(fault.Invalid, "a worker must register before it sends other messages")
	errUnknownType  = fault.New(fault.Invalid, "the job type in the registration is unknown")
)

// handle processes one message of a worker. If it returns an error, the caller sends it to the worker and disconnects
// it.
func (d *Dispatcher) handle(w *worker, m *livekit.WorkerMessage) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch m := m.Message.(type) {
	case *livekit.WorkerMessage_Ping: // allowed before the registration, as in LiveKit
		w.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Pong{
			Pong: &livekit.WorkerPong{LastTimestamp: m.Ping.GetTimestamp(), Timestamp: time.Now().UnixMilli()},
		}})
		return nil
	case *livekit.WorkerMessage_Register:
		if !w.registered {
			return d.registerLocked(w, m.Register)
		}
		return nil
	}
	if !w.registered {
		return errUnregistered
	}
	switch m := m.Message.(type) {
	case *livekit.WorkerMessage_UpdateWorker:
		d.updateWorkerLocked(w, m.UpdateWorker)
	case *livekit.WorkerMessage_Availability:
		if answer := w.offers[m.Availability.GetJobId()]; answer != nil {
			w.offers[m.Availability.JobId] = nil // a second answer is ignored
			answer <- m.Availability
		}
	case *livekit.WorkerMessage_UpdateJob:
		d.updateJobLocked(w, m.UpdateJob)
	case *livekit.WorkerMessage_SimulateJob:
		d.simulateLocked(w, m.SimulateJob)
	}
	return nil
}

// registerLocked registers a worker, assigns waiting jobs to it, and creates the jobs of named dispatches that had no
// worker before.
func (d *Dispatcher) registerLocked(w *worker, r *livekit.RegisterWorkerRequest) error {
	if _, known := livekit.JobType_name[int32(r.GetType())]; !known {
		return errUnknownType
	}
	if err := validateName(r.GetAgentName(), r.GetNamespace(), r.GetDeployment()); err != nil {
		return err
	}
	w.registered, w.available, w.kind = true, true, r.GetType()
	w.name, w.namespace, w.deployment = r.GetAgentName(), r.GetNamespace(), r.GetDeployment()
	if w.permission = r.GetAllowedPermissions(); w.permission == nil {
		w.permission = &livekit.ParticipantPermission{CanPublish: true, CanSubscribe: true, CanPublishData: true, CanUpdateMetadata: true}
	}
	w.send(&livekit.ServerMessage{Message: &livekit.ServerMessage_Register{
		Register: &livekit.RegisterWorkerResponse{WorkerId: w.id, ServerInfo: d.opts.ServerInfo},
	}})
	d.opts.Log.Info("agent worker registered", "worker", w.id, "agent", w.name, "type", w.kind.String(), "namespace", w.namespace)
	d.assignWaitingLocked(w)
	for _, room := range d.rooms { // dispatches created before this worker registered
		for _, ad := range room.dispatches {
			if !ad.implicit && w.accepts(ad, w.kind) {
				d.createJobsLocked(ad, w.kind)
			}
		}
	}
	return nil
}

// updateWorkerLocked applies a worker's report about its status and load. The load is clamped to [0, 1].
func (d *Dispatcher) updateWorkerLocked(w *worker, u *livekit.UpdateWorkerStatus) {
	if u.Status != nil {
		w.available = *u.Status == livekit.WorkerStatus_WS_AVAILABLE
	}
	w.load = min(max(u.Load, 0), 1) // NaN stays NaN, which is below no target
	if w.available {
		d.assignWaitingLocked(w)
	}
}

// simulateLocked creates a job in an existing room for the worker that requested it, so that a developer can try an
// agent.
func (d *Dispatcher) simulateLocked(w *worker, s *livekit.SimulateJobRequest) {
	r := d.rooms[s.GetRoom().GetName()]
	if r == nil || d.closed || len(r.dispatches) >= maxDispatches {
		return
	}
	simulated := 0
	for _, r := range d.rooms {
		for _, ad := range r.dispatches {
			if ad.simulator == w {
				simulated++
			}
		}
	}
	if simulated >= maxSimulated {
		return
	}
	kind := livekit.JobType_JT_ROOM
	if s.Participant != nil {
		kind = livekit.JobType_JT_PUBLISHER
	}
	ad := &dispatch{
		AgentDispatch: &livekit.AgentDispatch{Id: newID("AD_"), Room: r.info.Name, AgentName: w.name, State: &livekit.AgentDispatchState{CreatedAt: time.Now().UnixNano()}},
		room:          r, simulator: w, created: map[subject]bool{},
	}
	r.dispatches[ad.Id] = ad
	d.createPerNamespaceLocked(ad, kind, s.Participant)
}

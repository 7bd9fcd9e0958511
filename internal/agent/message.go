package agent

import (
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/fault"
)

// maxSimulated bounds the jobs that one worker has simulated at a time.
const maxSimulated = 16

var (
	errUnregistered = fault.New(fault.Invalid, "a worker has to register before it says anything else")
	errUnknownType  = fault.New(fault.Invalid, "there are no jobs of the type that the worker registers for")
)

// handle does what a worker's message says. An error is for the worker, which is not heard any further.
func (d *Dispatcher) handle(w *worker, m *livekit.WorkerMessage) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch m := m.Message.(type) {
	case *livekit.WorkerMessage_Ping: // also while it has not registered, as with LiveKit
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
			w.offers[m.Availability.JobId] = nil // a second answer is none
			answer <- m.Availability
		}
	case *livekit.WorkerMessage_UpdateJob:
		d.updateJobLocked(w, m.UpdateJob)
	case *livekit.WorkerMessage_SimulateJob:
		d.simulateLocked(w, m.SimulateJob)
	}
	return nil
}

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
	for _, room := range d.rooms { // what was ordered while nobody did such jobs
		for _, ad := range room.dispatches {
			if !ad.implicit && w.accepts(ad, w.kind) {
				d.createJobsLocked(ad, w.kind)
			}
		}
	}
	return nil
}

func (d *Dispatcher) updateWorkerLocked(w *worker, u *livekit.UpdateWorkerStatus) {
	if u.Status != nil {
		w.available = *u.Status == livekit.WorkerStatus_WS_AVAILABLE
	}
	w.load = min(max(u.Load, 0), 1) // what is not a number stays one, and is below no target
	if w.available {
		d.assignWaitingLocked(w)
	}
}

// simulateLocked gives the worker a job of a room that is there, for whoever tries an agent out.
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

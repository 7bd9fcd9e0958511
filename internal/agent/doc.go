// Package agent assigns jobs to agent workers. A worker is a program that runs agents: participants without a human,
// such as a voice assistant (docs/protocol.md, 11).
//
//	worker ─ /agent ─▶ Handler ─▶ worker ◀─ offers, assigns ─┐
//	rooms ─ RoomStarted, … ─▶ Dispatcher ─▶ dispatch ─▶ job ─┘
//	AgentDispatchService ────────▲
//
// A dispatch requests an agent for a room. It has up to three types of jobs: one for the room, one for each
// participant and one for each publisher. A job is created only if a worker has registered for its type and agent
// name. Workers in different namespaces get one job each. A job of a named dispatch waits while no worker is free,
// and so does a job whose worker failed or disconnected. A job of the implicit dispatch, which rooms without a named
// dispatch have, is dropped if no worker takes it.
//
// Goroutines: two for each worker's socket, which end with the socket or with Close; one for each job while it is
// offered to workers, which ends at the latest when the last of them has had ResponseTimeout to answer, or with
// Close; one after each deletion of a dispatch, which ends after LeaveTimeout or with Close. Close waits for all.
// Locks: Dispatcher.mu guards all state of workers, dispatches and jobs. Code that holds it sends only into queues
// that never block.
package agent

// Package agent assigns jobs to agent workers. A worker is a program that runs agents: participants without a human,
// such as a voice assistant (docs/protocol.md, 11).
//
//	worker ─ /agent ─▶ Handler ─▶ worker ◀─ offers, assigns ─┐
//	rooms ─ RoomStarted, … ─▶ Dispatcher ─▶ dispatch ─▶ job ─┘
//	AgentDispatchService ────────▲
//
// A dispatch requests an agent for a room. It has up to three types of jobs: one for the room, one for each
// participant and one for each publisher. A job is created only if a worker has registered for its type and agent
// name. If its workers are in several namespaces, there is one job in each of them.
//
// A named dispatch requests agents by their name, and its jobs wait while no worker is free. A room whose configuration
// names no agent has an implicit dispatch for workers without a name. A job of the implicit dispatch is dropped if no
// worker takes it. A job whose worker failed or disconnected waits for another worker, whatever its dispatch.
//
// The package starts these goroutines, and Close waits for all of them:
//
//   - two for each worker's socket, which end with the socket or with Close
//   - one for each job while it is offered to workers, which ends ResponseTimeout after the last offer at the latest, or
//     with Close
//   - one after each deletion of a dispatch, which ends after LeaveTimeout or with Close
//
// Dispatcher.mu guards all state of workers, dispatches and jobs. Code that holds it sends only into queues that never
// block.
package agent

// Package agent gives jobs to agent workers: programs that join rooms by themselves, such as assistants that listen and
// speak (livekit-protocol.md, 11).
//
//	worker ─ /agent ─▶ Handler ─▶ worker ◀─ asks, assigns ─┐
//	rooms ─ RoomStarted, … ─▶ Dispatcher ─▶ dispatch ─▶ job ┘
//	AgentDispatchService ────────▲
//
// A dispatch says which agents a room is to have. It makes jobs: one for the room, one for each participant and one for
// each publisher, of which those are done for which there is a worker of that type and name. The job of a worker that
// vanishes, or fails, goes to another one.
//
// Goroutines: two for each worker's socket, ended by it or by Close; one for each job until a worker has taken it, ended
// by the answers' time limit or by Close. Close waits for all. Locks: Dispatcher.mu guards all state of workers,
// dispatches and jobs; nothing is sent or waited for under it but into queues that never block.
package agent

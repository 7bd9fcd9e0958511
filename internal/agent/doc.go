// Package agent gives jobs to agent workers: programs that join rooms by themselves, such as assistants that listen and
// speak (docs/protocol.md, 11).
//
//	worker ─ /agent ─▶ Handler ─▶ worker ◀─ asks, assigns ─┐
//	rooms ─ RoomStarted, … ─▶ Dispatcher ─▶ dispatch ─▶ job ┘
//	AgentDispatchService ────────▲
//
// A dispatch says which agents a room is to have. It makes jobs: one for the room, one for each participant and one for
// each publisher, of which those are made for which there is a worker of that type and name. Workers of one type and name
// that register in different namespaces get a job each. A job that somebody ordered by name waits while no worker is
// free, and so does one whose worker vanished or failed; the jobs that every room has by itself are for the workers that
// are there.
//
// Goroutines: two for each worker's socket, ended by it or by Close; one for each job while a worker is looked for, ended
// by the answers' time limit or by Close; one for a moment after a dispatch was deleted. Close waits for all. Locks:
// Dispatcher.mu guards all state of workers, dispatches and jobs; nothing is sent or waited for under it but into queues
// that never block.
package agent

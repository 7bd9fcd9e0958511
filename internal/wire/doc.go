// Package wire is the one UDP socket: batched reads and segment-offloaded writes behind net.PacketConn.
//
//	readers ◀─ ReadFrom ◀─ ring ◀─ recvmmsg, UDP_GRO
//	writers ─▶ WriteTo ─▶ batch ─▶ flusher goroutine ─▶ sendmmsg, UDP_SEGMENT
//
// A media server sends many small packets: each to every subscriber, and each video frame as a burst. One system
// call for each costs more than encrypting it. So a write copies the packet into the current batch and returns;
// the flusher sends the whole batch with one sendmmsg, in which packets of equal size to one destination are a
// single message that the kernel, or the network card, cuts into datagrams. After a large batch the flusher waits
// [Options.Gather] before the next, so that the packets of a video frame leave together; otherwise it only yields
// while the batch grows, so a lone packet does not wait. Where the kernel has none of this, packets are written
// one by one.
//
// Packets to one destination keep their order. The batch is bounded; a writer that finds it full sends it
// itself, so a slow network slows the writers and nothing is dropped here. A packet the kernel refuses is
// counted as dropped; its writer, long gone, is not told, as with any datagram lost on the way.
//
// Goroutines: one flusher for each PacketConn, ended by Close. Locks: sendMu is held while a batch is sent,
// then mu for the moment of swapping batches; mu alone by writers.
package wire

// Package wire is the one UDP and the one TCP port.
//
// UDP: batched reads and segment-offloaded writes behind net.PacketConn.
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
// The system calls are made here and not by golang.org/x/net/ipv4 (0.60). Its ReadBatch allocates the sender's address twice
// for each message, where the packet path allocates nothing, and took 8 % more CPU time: 600 ns against 550 ns for a packet
// of 1,000 bytes (Linux 6.18, two cores, loopback). Its WriteBatch costs the same as this package: 3.0 µs for a packet alone
// and 0.7 µs in runs of twelve. But it needs a net.Addr for each destination, so a cache of them, one package for each address
// family, and the control messages of UDP_SEGMENT and UDP_GRO written here all the same.
//
// A [UDPMux] gives pion what comes in, each peer connection's as a packet connection of its own:
//
//	PacketConn ─┬─▶ DatagramMux ─▶ Datagrams, one for each username fragment
//	            └─▶ Aside: STUN and TURN
//
// Packets from an address go to its owner, the connection whose requests came from there. Another that claims the address gets
// copies, and becomes the owner once it has proved that its client receives there, or once the owner has been silent for some
// seconds; see owner.
//
// Once the DTLS handshake of a peer connection has ended, its connections drop unencrypted DTLS records, which anybody who
// spoofs an address can send; see dtlsFilter.
//
// TCP: a [ProtocolMux] tells HTTP from ICE by the first bytes of each connection, and a [TCPMux] gives pion those of ICE as
// packet connections.
//
//	                      ┌─▶ net/http
//	accept ─▶ first bytes ┤
//	                      └─▶ StreamMux ─▶ Streams ◀─ frames ─▶ stream, one for each TCP connection
//
// A connection has some seconds to say what it is, and only so many may be silent at a time. Each kind has a [ConnLimits] in total
// and for each address; one connection more is closed. A client of HTTP or TURN that takes nothing of what it is sent for
// [ProtocolMuxOptions.Stall] loses its connection, as does one of TURN that is given no relay in time. A stream whose client takes
// less than is sent drops packets, as UDP would: its queue is bounded, and nobody waits for it.
//
// Goroutines of UDP: one flusher for each PacketConn and one that hands out what a DatagramMux reads, ended by Close. Locks:
// sendMu is held while a batch is sent, then mu for the moment of swapping batches; mu alone by writers. Those of DatagramMux,
// dtlsFilter, checks and askers are held with no other.
//
// Goroutines of TCP: one that accepts, one for each connection that has not said what it is or that carries ICE, and one
// that writes to each that carries ICE. Split.Close ends all of them and waits. Locks: Streams.mu is held while its streams
// are closed, each under its own; those of Split, census, handedConn and StreamMux are held with no other.
package wire

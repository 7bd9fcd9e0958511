// Package wire implements the server's one UDP socket and one TCP port, which all peer connections, STUN, TURN and HTTP
// share.
//
// UDP: PacketConn is a net.PacketConn with batched reads and segmentation-offloaded writes.
//
//	readers ◀─ ReadFrom ◀─ ring ◀─ recvmmsg, UDP_GRO
//	writers ─▶ WriteTo ─▶ batch ─▶ flusher goroutine ─▶ sendmmsg, UDP_SEGMENT
//
// A media server sends many small packets: each packet to every subscriber, and each video frame as a burst. One system call
// for each packet would cost more CPU time than encrypting it. So a write only copies the packet into the current batch. The
// flusher sends the whole batch with one sendmmsg call, in which packets of equal size to one destination form a single
// message that the kernel or the network card splits into datagrams. After a large batch the flusher waits for
// [Options.BatchDelay], so that the packets of a video frame share a batch. Otherwise it only yields the processor while the
// batch grows, so that a single packet is sent without delay. On systems without sendmmsg, packets are sent one by one.
//
// The order of packets to one destination is preserved. The batch is bounded: a writer that finds the batch full sends it
// itself, so a slow network slows down the writers, and no packet is dropped here. A packet that the kernel refuses is
// counted as dropped. Its writer gets no error, because the write has already returned.
//
// This package makes the system calls itself instead of using golang.org/x/net/ipv4 (0.60). ReadBatch of that package
// allocates the sender's address twice for each message, while the packet path must not allocate. ReadBatch also took 8 %
// more CPU time: 600 ns against 550 ns for a packet of 1,000 bytes (Linux 6.18, two cores, loopback). WriteBatch of that
// package is as fast as this package: 3.0 µs for a single packet and 0.7 µs for each packet in runs of twelve. But it would
// need a cache of net.Addr values, a package for each IP version, and the same code for the control messages of UDP_SEGMENT
// and UDP_GRO.
//
// A [UDPMux] divides the received packets between peer connections. STUN and TURN packets that belong to no peer connection
// go to the [STUNConn]:
//
//	PacketConn ─┬─▶ UDPMux ─▶ UDPMuxedConn, one for each ICE username fragment
//	            └─▶ STUNConn: STUN and TURN
//
// Participants that use a TURN relay exchange packets with the UDPMux inside the process, see [Relays].
//
// Packets from an address go to its owner: the connection that first sent a STUN message to the address. Another connection
// that sends a STUN response to the address receives copies. It becomes the owner when a DTLS handshake has proved that its
// client receives packets at the address, or when no request for the owner has arrived from there for ownerSilence; see
// addressOwner.
//
// When the DTLS handshake of a peer connection has completed, its connections drop unencrypted DTLS records, which anybody
// can forge; see dtlsFilter.
//
// TCP: a [ProtocolMux] detects the protocol of each connection by its first bytes or, with TLS, by ALPN or the first decrypted
// bytes. A trusted proxy may send the header of the PROXY protocol first. HTTP connections go to one listener and TURN
// connections to another; a [TCPMux] presents connections that carry ICE as packet connections.
//
//	                                             ┌─▶ net/http
//	accept ─▶ PROXY header ─▶ TLS ─▶ first bytes ┼─▶ TURN server
//	                                             └─▶ TCPMux ─▶ TCPMuxedConn ◀─ frames ─▶ tcpStream, one for each TCP connection
//
// A connection has to complete the TLS handshake and send its first bytes within [ProtocolMuxOptions.SniffTimeout], and at
// most MaxUnsniffed connections may be waiting for them. [ConnLimits] bound the open connections of each protocol, in total
// and for each client address; further connections are closed. An HTTP or TURN connection is closed when its client reads
// nothing for [ProtocolMuxOptions.WriteTimeout]. A TURN connection is also closed when its client allocates no relay in time.
// An ICE connection whose client reads too slowly drops packets, as UDP would: its queue is bounded, and no writer waits for
// it.
//
// Goroutines of UDP: each PacketConn has one flusher, and each UDPMux has one goroutine that distributes received packets.
// Close ends them. Locks: PacketConn.sendMu is held while a batch is sent. PacketConn.mu is taken under sendMu only to swap
// batches. Writers take only mu. The locks of UDPMux, dtlsFilter, checkLimiter and stunLimiter are held alone.
//
// Goroutines of TCP: one accepts connections. Each connection has a goroutine until its protocol is known. A connection that
// carries ICE keeps that goroutine and has another one for writes. ProtocolMux.Close ends all of them and waits. Locks:
// TCPMuxedConn.mu is held while the streams of the connection are closed. Closing a stream takes tcpStream.mu under it. The
// locks of ProtocolMux, connCounter, prefixConn and TCPMux are held alone.
package wire

// Package rtc manages the rooms of LiveKit's protocol: their participants, and the participants' permissions, published
// tracks and subscriptions.
//
// Each Room has one loop: a goroutine that runs closures one after another. All state of the room, its participants,
// publications and subscriptions is accessed only on the loop. Signalling and the API run closures on the loop by Do,
// which waits until the closure has run. Pion's callbacks and timers do that by Post, which does not wait (see package
// loop). Nothing on the loop blocks: offers, answers and closing take milliseconds inside pion, so each peer.Transport
// has a worker goroutine for them, which posts the outcome.
//
//	signal.Conn ─Session.Handle─▶ loop ─▶ peer.Transport ─▶ pion
//	     ◀────── SignalSink ───────┘◀─ Post ─────┘
//
// A message to all participants is encoded once (Message). Updates about participants that publish nothing are sent in
// batches, 150 ms apart. An update about a publisher is sent immediately, because its media follows. The queued updates
// are sent before it, so every client gets all updates in the same order. A change causes work only for the subscriber
// or the publication that it concerns. Work for every pair of participants would grow with the square of their number.
//
// The loop determines the recipients of data, but does not send it. The goroutine of a client's data channel asks the
// loop for the recipients of a packet and puts the packet into their outboxes; one goroutine per client sends from its
// outbox. Packets of data tracks do not pass through the loop. An outbox is bounded: a slow client first slows its
// senders down, by backpressure; if that does not help, it is disconnected and must rejoin.
//
//	channel ─Do─▶ loop: recipients? ─▶ outbox.put ─▶ outbox.run ─▶ pion
//
// A Participant consists of components: connections, publishing, subscribing, dataTransfer and forwarding. Each
// component owns its fields and the rules about them, reaches the room through its participant, and transfers its state
// when the participant moves to another room.
//
// Recorders and other egress attach an Observer to a room (Rooms.Observe). The Observer is notified of publications
// with their Receivers, from which LayerSinks take media. The demand that is sent to publishers includes the layers
// that LayerSinks take, as well as the layers that subscribers watch. An observer's panic ends only its observation;
// any other panic on the loop ends the room.
//
// Ownership: Rooms.Close ends the rooms. A Room ends its participants. A Participant ends its Transports, Publications
// and Subscriptions and closes its outbox. A Transport's worker ends when the Transport is closed. A Room waits for all
// of these before its loop ends. A Participant that moves to another room ends in the room that it leaves. A new
// Participant in the other room, called its successor, takes over its connections and tracks.
//
// Locks: the lock of a loop may be taken, by Post, while Rooms.mu is held. No other two locks are held together. Media
// never passes through the loop (see package sfu).
package rtc

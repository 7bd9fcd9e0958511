// Package rtc holds the rooms and participants of LiveKit's protocol: who is in which room, what each may do, which
// tracks are published and who is subscribed to them.
//
// Each Room has one loop, a goroutine that runs closures one after another; all state of the room, its participants,
// publications and subscriptions is touched only there. Signalling and the API enter by Do, which waits for its turn;
// callbacks of pion and timers enter by Post, which never waits (package loop). What runs on the loop does not block:
// offers, answers and closing take milliseconds inside pion, so each peer.Transport has a worker goroutine for them, which
// posts the outcome.
//
//	signal.Conn ─Session.Handle─▶ loop ─▶ peer.Transport ─▶ pion
//	     ◀────── SignalSink ───────┘◀─ Post ─────┘
//
// A message to everybody is encoded once (Message). Updates of participants that publish nothing are sent in rounds, 150 ms
// apart. An update of a publisher is sent at once, because media follows, together with the updates that wait, so every
// client gets all updates in one order. A change touches only the one subscriber or publication it concerns: work for
// every pair of participants would grow with the square of their number.
//
// Data is routed by the loop and sent elsewhere: the goroutine of a client's data channel asks the loop who receives a
// packet, then puts it into the outbox of each, and one goroutine for each client sends it from there. Packets of data
// tracks pass without the loop. An outbox is bounded: a slow client first slows its senders down; then it is cut off and
// has to reconnect.
//
//	channel ─Do─▶ loop: receivers? ─▶ outbox.put ─▶ outbox.run ─▶ pion
//
// A Participant consists of components: its connections, publishing, subscribing, dataTransfer and forwarding. Each owns its
// fields and the rules about them, reaches the room through its participant, and hands itself over when the participant
// moves to another room.
//
// Recording and other egress attach an Observer to a room (Rooms.Observe). It is notified of publications with their
// Receivers, from which LayerSinks take media. What LayerSinks take counts in the demand that publishers are told of, like
// what subscribers watch. An observer's panic ends only its observation; any other panic on the loop ends the room.
//
// Who ends what: Rooms.Close ends rooms; a Room ends its participants; a Participant its Transports, Publications and
// Subscriptions and closes its outbox; the worker of a Transport ends when it is closed. A Room waits for all of them
// before its loop ends. A Participant that moves to another room ends in the one it leaves and has a successor in the
// other, which owns what it had.
//
// Locks: Rooms.mu may be held while that of a loop is taken, to post. All others are held alone. Media never passes
// through the loop (see package sfu).
package rtc

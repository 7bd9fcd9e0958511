// Package rtc holds the rooms and participants of LiveKit's protocol: who is in which room, what each may do, which
// tracks are published and who is subscribed to them.
//
// Each Room has one loop, a goroutine that runs closures one after another; all state of the room, its participants,
// publications and subscriptions is touched only there. Signalling enters by do, which waits its turn; callbacks of pion
// and timers enter by post, which never waits. What runs on the loop does not block: offers, answers and closing take
// milliseconds inside pion, so each Transport has a worker goroutine for them, which posts the outcome back.
//
//	signal.Conn ─Session.Handle─▶ loop ─▶ Transport worker ─▶ pion
//	     ◀────── SignalSink ───────┘◀─ post ─────┘
//
// What is told to everybody is encoded once (Message). News of people who publish nothing wait for the next round, 150 ms
// at most; news of publishers go out at once, because media follows, and take with them what waited: all hear everything in
// one order. A change looks only at what it can concern, one subscriber or one publication, not at everybody times
// everybody.
//
// Data takes a way of its own: the goroutine of a client's data channel asks the loop whom a packet is for, and then puts
// it into the outbox of each, from where one goroutine for each client sends it; packets of data tracks do not even ask.
// An outbox is bounded: it slows the senders of a slow client down for a while, and then the client has to begin anew.
//
//	channel ─do─▶ loop: to whom? ─▶ outbox.put ─▶ outbox.run ─▶ pion
//
// Who ends what: Rooms.Close ends rooms; a Room ends its participants; a Participant its Transports, Publications and
// Subscriptions and closes its outbox; the worker of a Transport ends when it is closed. A Room waits for all of them before its loop ends.
// A Participant that moves to another room ends in the one it leaves and has an heir in the other, which owns what it had.
// No lock is held while anything else is called; media never passes through the loop (see package sfu).
package rtc

package rtc

import (
	"iter"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// updateInterval is the minimum time between two batches of updates about participants that publish nothing. With
// batches, the work for a large audience that joins or leaves grows linearly with the audience, not quadratically.
const updateInterval = 150 * time.Millisecond

// maxUpdateSize is the maximum size in bytes of one update message, without framing (docs/protocol.md, 0.4). A message
// about a single participant may be larger.
const maxUpdateSize = 128 << 10

// updateQueue holds the changes of the room that have not been sent to the participants yet.
type updateQueue struct {
	participants []*Participant // participants whose state has changed, without duplicates, oldest change first
	roomChanged  bool           // set if the room's own state has changed
	recording    bool           // last value of ActiveRecording that was sent
	timer        *time.Timer    // fires when the next batch may be sent; nil if a batch may be sent now
}

// announce sends p's new state to every participant that may see p. If p publishes, the update is sent immediately,
// because it must arrive before the media; otherwise it is sent with the next batch. If self is set, p itself gets its
// state immediately.
func (r *Room) announce(p *Participant, self bool) {
	p.info.Version++
	p.bucket.charge(min(proto.Size(p.info)+p.announced(), maxAnnounced)) // metadata above the bound comes from a back end, or was charged when it was set
	p.forwarding.syncMirrors()
	if self {
		p.send(updateMessage(p.selfInfo()))
	}
	r.queueUpdate(p)
}

// announceDeparture informs the other participants that p has left. If a newer connection of its identity has replaced
// p, current clients get no update about p. They learn from the SID in the update about the new connection that p is
// gone. Older clients get the update about p first, before the one about the new connection (docs/protocol.md, 1.7).
func (r *Room) announceDeparture(p *Participant) {
	if p.hidden() {
		return
	}
	r.departed = append(r.departed[max(0, len(r.departed)+1-maxDepartures):], departure{time.Now(), &livekit.ParticipantInfo{
		Sid: p.sid(), Identity: p.identity(), State: p.info.State, Version: p.info.Version, DisconnectReason: p.info.DisconnectReason,
	}})
	if !p.replaced {
		r.queueUpdate(p)
		return
	}
	r.updates.participants = slices.DeleteFunc(r.updates.participants, func(x *Participant) bool { return x == p })
	m := NewMessage(updateMessage(p.snapshot()))
	for _, o := range r.participants {
		if o != p && !o.quirks.newestSID {
			o.sendShared(m)
		}
	}
}

// queueUpdate records that p's state has changed. It sends the queued updates if a batch is due or if p's update cannot
// wait. Older changes are sent first, so all clients get the updates in the same order.
func (r *Room) queueUpdate(p *Participant) {
	if p.hidden() {
		return
	}
	if !slices.Contains(r.updates.participants, p) {
		r.updates.participants = append(r.updates.participants, p)
	}
	r.flushUpdates(p.info.IsPublisher || p.hasVisibleTracks())
}

// flushUpdates sends the queued changes to all participants. If immediately is false and updateInterval has not passed
// since the last batch, it does nothing; a timer then sends the changes.
func (r *Room) flushUpdates(immediately bool) {
	n := &r.updates
	if n.timer != nil && !immediately || r.closed {
		return
	}
	r.sendParticipantUpdates()
	if n.roomChanged {
		n.roomChanged, n.recording = false, r.info.ActiveRecording
		r.sendToAll(roomUpdateMessage(r.snapshot()))
		r.emit(Event{Kind: RoomChanged})
	}
	if n.timer == nil {
		n.timer = r.after(updateInterval, func() {
			n.timer = nil
			if n.roomChanged || len(n.participants) > 0 {
				r.flushUpdates(false)
			}
		})
	}
}

// sendParticipantUpdates sends the state of the changed participants to all participants, in messages of at most
// maxUpdateSize.
func (r *Room) sendParticipantUpdates() {
	changed := r.updates.participants
	r.updates.participants = nil
	if len(changed) == 1 { // a participant already has its own state
		m := NewMessage(updateMessage(changed[0].snapshot()))
		for _, o := range r.participants {
			if o != changed[0] {
				o.sendShared(m)
			}
		}
		return
	}
	infos := make([]*livekit.ParticipantInfo, len(changed))
	for i, p := range changed {
		infos[i] = p.snapshot()
	}
	for chunk := range splitUpdates(infos) {
		r.sendToAll(chunk)
	}
	for _, p := range changed {
		if p.requestedName != "" {
			p.send(updateMessage(p.selfInfo()))
		}
	}
}

// sendToAll sends m to all participants. The message is encoded once.
func (r *Room) sendToAll(m *livekit.SignalResponse) {
	shared := NewMessage(m)
	for _, p := range r.participants {
		p.sendShared(shared)
	}
}

// splitUpdates packs infos into as few update messages as maxUpdateSize allows.
func splitUpdates(infos []*livekit.ParticipantInfo) iter.Seq[*livekit.SignalResponse] {
	return func(yield func(*livekit.SignalResponse) bool) {
		for len(infos) > 0 {
			n, size := 0, 0
			for n < len(infos) {
				if size += proto.Size(infos[n]); size > maxUpdateSize && n > 0 {
					break
				}
				n++
			}
			if !yield(updateMessage(infos[:n]...)) {
				return
			}
			infos = infos[n:]
		}
	}
}

// departure is the last state of a participant that has left. Clients whose signalling connection was down at that time
// get it when they resume.
type departure struct {
	at   time.Time
	info *livekit.ParticipantInfo
}

// maxDepartures is the maximum number of departures that a room stores. The oldest are dropped first.
const maxDepartures = 512

// activate marks p as connected and announces that. Later calls do nothing.
func (p *Participant) activate() {
	if p.info.State == livekit.ParticipantInfo_ACTIVE {
		return
	}
	p.info.State = livekit.ParticipantInfo_ACTIVE
	p.room.announce(p, true)
	took := time.Since(p.joined)
	p.room.emit(Event{Kind: ParticipantJoined, Participant: p.snapshot(), Took: took})
	p.log.Info("participant active", "sdk", p.quirks.sdk, "single_connection", p.conn.single, "ms", took.Milliseconds())
}

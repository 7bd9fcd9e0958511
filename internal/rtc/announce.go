package rtc

import (
	"iter"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// updateInterval is the least time between two rounds of updates about participants that publish nothing. It makes the work
// of a large audience that comes or goes grow with the audience, not with its square.
const updateInterval = 150 * time.Millisecond

// maxUpdateSize bounds one update in bytes, by the participants' own sizes (docs/protocol.md, 0.4).
const maxUpdateSize = 128 << 10

// news holds the changes of the room that have not been sent to everybody yet.
type updateQueue struct {
	participants []*Participant // whose state has changed, each once, in order
	roomChanged  bool           // the room's own state has changed
	recording    bool           // everybody was told that the room is being recorded
	timer        *time.Timer    // until the next round; nil if it can be sent at once
}

// announce sends p's new state to everybody who may see it: at once if p publishes, because media must not come before
// the update, else with the next round. p itself gets it at once if self is set.
func (r *Room) announce(p *Participant, self bool) {
	p.info.Version++
	p.bucket.charge(min(proto.Size(p.info)+p.announced(), maxAnnounced)) // long metadata is a back end's, or was charged as it was set
	p.forwarding.syncMirrors()
	if self {
		p.send(updateMessage(p.selfInfo()))
	}
	r.queueUpdate(p)
}

// announceDeparture tells the others that p has gone. Clients that know identities by their newest sid need no update
// about a participant that was replaced; older clients need one before that of the new participant (docs/protocol.md,
// 1.7).
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

// queueUpdate notes that p's state has changed, and sends the updates if it is time or p's cannot wait. Earlier updates go
// first, so that everybody gets all in one order.
func (r *Room) queueUpdate(p *Participant) {
	if p.hidden() {
		return
	}
	if !slices.Contains(r.updates.participants, p) {
		r.updates.participants = append(r.updates.participants, p)
	}
	r.flushUpdates(p.info.IsPublisher || p.hasVisibleTracks())
}

// flushUpdates sends everybody what has changed, at once or when the last round is long enough ago.
func (r *Room) flushUpdates(now bool) {
	n := &r.updates
	if n.timer != nil && !now || r.closed {
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

// sendParticipantUpdates sends everybody the state of the participants that have changed, in updates of bounded size.
func (r *Room) sendParticipantUpdates() {
	people := r.updates.participants
	r.updates.participants = nil
	if len(people) == 1 { // which knows its own state already
		m := NewMessage(updateMessage(people[0].snapshot()))
		for _, o := range r.participants {
			if o != people[0] {
				o.sendShared(m)
			}
		}
		return
	}
	infos := make([]*livekit.ParticipantInfo, len(people))
	for i, p := range people {
		infos[i] = p.snapshot()
	}
	for chunk := range splitUpdates(infos) {
		r.sendToAll(chunk)
	}
	for _, p := range people {
		if p.requestedName != "" {
			p.send(updateMessage(p.selfInfo()))
		}
	}
}

// sendToAll sends everybody the same message.
func (r *Room) sendToAll(m *livekit.SignalResponse) {
	shared := NewMessage(m)
	for _, p := range r.participants {
		p.sendShared(shared)
	}
}

// updates packs infos into as few messages as their sizes allow.
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

// departure is a participant that has left, for those whose signalling connection was down at that time.
type departure struct {
	at   time.Time
	info *livekit.ParticipantInfo
}

// maxDepartures bounds how many departures are remembered; older ones are forgotten first.
const maxDepartures = 512

// activate marks p as connected, once.
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

package rtc

import (
	"iter"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// newsInterval is the least time between two rounds of updates about participants that publish nothing. It makes the work
// of a large audience that comes or goes grow with the audience, not with its square.
const newsInterval = 150 * time.Millisecond

// updateLimit bounds one update in bytes, by the participants' own sizes (docs/protocol.md, 0.4).
const updateLimit = 128 << 10

// news holds the changes of the room that have not been sent to everybody yet.
type news struct {
	people    []*Participant // whose state has changed, each once, in order
	room      bool           // the room's own state has changed
	recording bool           // everybody was told that the room is being recorded
	wait      *time.Timer    // until the next round; nil if it can be sent at once
}

// announce sends p's new state to everybody who may see it: at once if p publishes, because media must not come before
// the update, else with the next round. p itself gets it at once if self is set.
func (r *Room) announce(p *Participant, self bool) {
	p.info.Version++
	p.bucket.charge(min(proto.Size(p.info)+p.announced(), maxAnnounced)) // long metadata is a back end's, or was charged as it was set
	p.forwarding.update()
	if self {
		p.send(updateMessage(p.ownState()))
	}
	r.queueNews(p)
}

// announceDeparture tells the others that p has gone. Clients that know identities by their newest sid need no update
// about a participant that was replaced; older clients need one before that of the new participant (docs/protocol.md,
// 1.7).
func (r *Room) announceDeparture(p *Participant) {
	if p.hidden() {
		return
	}
	r.departed = append(r.departed[max(0, len(r.departed)+1-maxDeparted):], departure{time.Now(), &livekit.ParticipantInfo{
		Sid: p.sid(), Identity: p.identity(), State: p.info.State, Version: p.info.Version, DisconnectReason: p.info.DisconnectReason,
	}})
	if !p.replaced {
		r.queueNews(p)
		return
	}
	r.news.people = slices.DeleteFunc(r.news.people, func(x *Participant) bool { return x == p })
	m := NewMessage(updateMessage(p.snapshot()))
	for _, o := range r.participants {
		if o != p && !o.quirks.newestSID {
			o.sendShared(m)
		}
	}
}

// queueNews notes that p's state has changed, and sends the updates if it is time or p's cannot wait. Earlier updates go
// first, so that everybody gets all in one order.
func (r *Room) queueNews(p *Participant) {
	if p.hidden() {
		return
	}
	if !slices.Contains(r.news.people, p) {
		r.news.people = append(r.news.people, p)
	}
	r.tellNews(p.info.IsPublisher || p.shows())
}

// tellNews sends everybody what has changed, at once or when the last round is long enough ago.
func (r *Room) tellNews(now bool) {
	n := &r.news
	if n.wait != nil && !now || r.closed {
		return
	}
	r.tellPeople()
	if n.room {
		n.room, n.recording = false, r.info.ActiveRecording
		r.sendToAll(roomUpdateMessage(r.snapshot()))
		r.emit(Event{Kind: RoomChanged})
	}
	if n.wait == nil {
		n.wait = r.after(newsInterval, func() {
			n.wait = nil
			if n.room || len(n.people) > 0 {
				r.tellNews(false)
			}
		})
	}
}

// tellPeople sends everybody the state of the participants that have changed, in updates of bounded size.
func (r *Room) tellPeople() {
	people := r.news.people
	r.news.people = nil
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
	for chunk := range updates(infos) {
		r.sendToAll(chunk)
	}
	for _, p := range people {
		if p.askedName != "" {
			p.send(updateMessage(p.ownState()))
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
func updates(infos []*livekit.ParticipantInfo) iter.Seq[*livekit.SignalResponse] {
	return func(yield func(*livekit.SignalResponse) bool) {
		for len(infos) > 0 {
			n, size := 0, 0
			for n < len(infos) {
				if size += proto.Size(infos[n]); size > updateLimit && n > 0 {
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

// maxDeparted bounds how many departures are remembered; older ones are forgotten first.
const maxDeparted = 512

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

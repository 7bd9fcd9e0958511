package rtc

import (
	"context"
	"runtime/debug"
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/sfu"
)

// Observer is notified of the tracks of one room, to record them or to send them elsewhere. Its methods run on the room's
// loop: they must not block, nor call Rooms. Starting and stopping a LayerSink does not block. An Observer that panics is
// detached; the room goes on.
//
// An Observer gets every track, also those of hidden participants and those that their publishers let only some subscribe
// to: what it may do with them is for its owner to decide, by ObservedTrack.Participant. Participants do not learn of it:
// a room is known to be recorded when a participant with the recorder permission is in it.
type Observer interface {
	// TrackPublished says that there is a track: a new one, one that was there before the Observer, one that was moved here
	// with its participant, or one that is shown here from another room. A participant whose connection is interrupted and
	// resumed keeps its tracks; one that joins again publishes other ones.
	TrackPublished(t ObservedTrack)
	// TrackMuted says that a track has been muted or unmuted: see t.Info.Muted.
	TrackMuted(t ObservedTrack)
	// TrackCodecs says that the codecs in which a track comes have changed: one was added, has ended, or has another
	// Receiver.
	TrackCodecs(t ObservedTrack)
	// TrackUnpublished says that the track has left the room, and names no codecs. Its Receivers may go on in another room,
	// so the Observer has to stop its sinks.
	TrackUnpublished(t ObservedTrack)
	// RoomEnded is the last call. All tracks have been unpublished before.
	RoomEnded()
}

// ObservedTrack is a track as an Observer sees it. The messages are its own to keep, and not to change.
type ObservedTrack struct {
	Participant *livekit.ParticipantInfo
	Info        *livekit.TrackInfo
	Codecs      []ObservedCodec // in which it comes or is expected, the publisher's preferred one first
}

// ObservedCodec is one of the codecs in which a track comes.
type ObservedCodec struct {
	MimeType string // such as "video/vp8"
	Fmtp     string // its format parameters in SDP
	Receiver *sfu.Receiver
}

// observation holds what one Observer knows.
type observation struct {
	observer Observer
	notified map[*Publication]*notifiedTrack
}

// notifiedTrack is the state of a track of which an Observer was notified last.
type notifiedTrack struct {
	muted     bool
	receivers []*sfu.Receiver // by codec; nil where none comes
}

// Observe notifies o of the tracks of a room, which must exist, until detach is called or the room ends. It does not hold
// the room open. It waits for the room's loop, so code that runs there must not call it: Options.OnEvent, for instance.
//
// detach may be called from anywhere, more than once, and does not wait: a call under way may still reach o. It leaves the
// sinks to o.
func (rs *Rooms) Observe(ctx context.Context, room string, o Observer) (detach func(), err error) {
	seen := &observation{observer: o, notified: map[*Publication]*notifiedTrack{}}
	var r *Room
	// What is queued on the loop will run, so the caller has to learn of it.
	err = rs.withRoom(context.WithoutCancel(ctx), room, func(of *Room) error {
		r = of
		r.observations = append(r.observations, seen) // notified of the tracks that there are after this turn of the loop
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func() {
		r.loop.Post(func() {
			r.observations = slices.DeleteFunc(r.observations, func(x *observation) bool { return x == seen })
		})
	}, nil
}

// updateObservers notifies the observers of changes since the last turn of the loop.
func (r *Room) updateObservers() {
	r.observations = slices.DeleteFunc(r.observations, func(o *observation) bool { return !r.updateObserver(o) })
}

// updateObserver notifies one observer and reports whether it is to be notified of later changes too. It recovers from a
// panic of the observer, whose fault must not end the room.
func (r *Room) updateObserver(o *observation) (attached bool) {
	defer func() {
		if v := recover(); v != nil {
			r.log.Error("observer detached after a programming error", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	o.update(r)
	if r.closed {
		o.observer.RoomEnded()
	}
	return !r.closed
}

// update notifies the observer of the differences between the tracks of the room and those that it knows.
func (o *observation) update(r *Room) {
	for pub := range o.notified {
		if pub.closed {
			delete(o.notified, pub)
			o.observer.TrackUnpublished(pub.observed())
		}
	}
	for _, pub := range r.published {
		k := o.notified[pub]
		if k == nil {
			o.notified[pub] = &notifiedTrack{pub.info.Muted, pub.codecReceivers()}
			o.observer.TrackPublished(pub.observed())
			continue
		}
		if !slices.EqualFunc(k.receivers, pub.codecs, func(r *sfu.Receiver, c *publishedCodec) bool { return r == c.receiver }) {
			k.receivers = pub.codecReceivers()
			o.observer.TrackCodecs(pub.observed())
		}
		if k.muted != pub.info.Muted {
			k.muted = pub.info.Muted
			o.observer.TrackMuted(pub.observed())
		}
	}
}

// describe returns the track as an Observer sees it.
func (pub *Publication) observed() ObservedTrack {
	t := ObservedTrack{Participant: pub.owner.snapshot(), Info: proto.CloneOf(pub.info)}
	for _, c := range pub.codecs {
		if c.receiver != nil {
			t.Codecs = append(t.Codecs, ObservedCodec{MimeType: c.info.MimeType, Fmtp: c.fmtp, Receiver: c.receiver})
		}
	}
	return t
}

// codecReceivers lists the Receivers of the codecs, nil for those that do not come.
func (pub *Publication) codecReceivers() []*sfu.Receiver {
	all := make([]*sfu.Receiver, len(pub.codecs))
	for i, c := range pub.codecs {
		all[i] = c.receiver
	}
	return all
}

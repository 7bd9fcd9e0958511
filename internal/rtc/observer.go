package rtc

import (
	"context"
	"runtime/debug"
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/sfu"
)

// Observer is notified of the tracks of one room, for example to record them. Its methods run on the room's loop: they
// must not block and must not call Rooms. Starting and stopping a LayerSink does not block. An Observer that panics is
// detached; the room continues.
//
// An Observer sees every track, including tracks of hidden participants and tracks that only some participants may
// subscribe to. The owner of the Observer decides what may be done with a track, by ObservedTrack.Participant.
// Participants do not notice an Observer. In particular, it does not make the room appear as recorded: only a
// participant with the recorder permission does.
type Observer interface {
	// TrackPublished reports a track. The track may be new, or may have existed before the Observer was attached. Its
	// participant may have moved here or may be forwarded from another room. If a participant resumes, it keeps its
	// tracks; if it rejoins, it publishes new ones.
	TrackPublished(t ObservedTrack)
	// TrackMuted reports that a track was muted or unmuted; t.Info.Muted is the new state.
	TrackMuted(t ObservedTrack)
	// TrackCodecs reports that the list of a track's codecs has changed: a codec was added, has ended, or has a new
	// Receiver.
	TrackCodecs(t ObservedTrack)
	// TrackUnpublished reports that a track has left the room; t.Codecs is empty. The track's Receivers may continue in
	// another room, so the Observer must stop its sinks.
	TrackUnpublished(t ObservedTrack)
	// RoomEnded reports that the room has ended. It is the last method called; all tracks have been reported as
	// unpublished before.
	RoomEnded()
}

// ObservedTrack is a track as reported to an Observer. The Observer may keep the protobuf messages in it, but must
// not change them.
type ObservedTrack struct {
	Participant *livekit.ParticipantInfo
	Info        *livekit.TrackInfo
	Codecs      []ObservedCodec // codecs that arrive or are expected, the publisher's preferred one first
}

// ObservedCodec is one of the codecs in which a track arrives.
type ObservedCodec struct {
	MimeType string // for example "video/vp8"
	Fmtp     string // format parameters from the SDP
	Receiver *sfu.Receiver
}

// observation holds the state of one attached Observer.
type observation struct {
	observer Observer
	notified map[*Publication]*notifiedTrack
}

// notifiedTrack is the state of a track in the Observer's latest notification about it.
type notifiedTrack struct {
	muted     bool
	receivers []*sfu.Receiver // one per codec; nil for a codec without media
}

// Observe attaches o to an existing room until detach is called or the room ends. It does not keep the room open. It
// waits for the room's loop, so it must not be called on the loop, for example by Options.OnEvent.
//
// detach may be called from any goroutine and more than once. It does not wait: a call that is in progress may still
// reach o. It does not stop o's sinks.
func (rs *Rooms) Observe(ctx context.Context, room string, o Observer) (detach func(), err error) {
	seen := &observation{observer: o, notified: map[*Publication]*notifiedTrack{}}
	var r *Room
	// The queued function runs even if ctx ends, so wait for it: the caller needs detach.
	err = rs.withRoom(context.WithoutCancel(ctx), room, func(of *Room) error {
		r = of
		r.observations = append(r.observations, seen) // after this turn of the loop it is notified of the existing tracks
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

// updateObservers notifies the observers of the changes made by the last turn of the loop.
func (r *Room) updateObservers() {
	r.observations = slices.DeleteFunc(r.observations, func(o *observation) bool { return !r.updateObserver(o) })
}

// updateObserver notifies one observer and reports whether it remains attached. It recovers from a panic of the
// observer, which must not end the room.
func (r *Room) updateObserver(o *observation) (attached bool) {
	defer func() {
		if v := recover(); v != nil {
			r.log.Error("observer detached after a panic", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	o.update(r)
	if r.closed {
		o.observer.RoomEnded()
	}
	return !r.closed
}

// update compares the room's tracks with those in the last notification, and notifies the observer of the
// differences.
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

// observed returns the track as reported to an Observer.
func (pub *Publication) observed() ObservedTrack {
	t := ObservedTrack{Participant: pub.owner.snapshot(), Info: proto.CloneOf(pub.info)}
	for _, c := range pub.codecs {
		if c.receiver != nil {
			t.Codecs = append(t.Codecs, ObservedCodec{MimeType: c.info.MimeType, Fmtp: c.fmtp, Receiver: c.receiver})
		}
	}
	return t
}

// codecReceivers returns the Receiver of each codec, nil for a codec without media.
func (pub *Publication) codecReceivers() []*sfu.Receiver {
	all := make([]*sfu.Receiver, len(pub.codecs))
	for i, c := range pub.codecs {
		all[i] = c.receiver
	}
	return all
}

package rtc

import (
	"context"
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/sfu"
)

// Observer is notified of the tracks of one room, to record them or to send them elsewhere. Its methods run on the room's
// loop: they must not block, nor call Rooms. Starting and stopping a LayerSink does not block.
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
	// TrackUnpublished says that the track has left the room. Its Receivers may go on in another one, so sinks have to be
	// stopped.
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

// observation is what one Observer knows.
type observation struct {
	observer Observer
	known    []*knownTrack
}

// knownTrack is a track as an Observer was last told of it.
type knownTrack struct {
	pub       *Publication
	muted     bool
	receivers []*sfu.Receiver // by codec; nil where none comes
}

// Observe notifies o of the tracks of a room, which must exist, until detach is called or the room ends. detach may be called
// from anywhere, more than once, and does not wait: what is under way may still reach o.
func (rs *Rooms) Observe(ctx context.Context, room string, o Observer) (detach func(), err error) {
	seen := &observation{observer: o}
	var r *Room
	// What is queued on the loop will run, so the caller has to learn of it.
	err = rs.within(context.WithoutCancel(ctx), room, func(of *Room) error {
		if of.closed {
			return errRoomClosed
		}
		r = of
		r.observations = append(r.observations, seen) // told of what there is once this turn of the loop is over
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

// tellObservers brings what observers know in line with the room's tracks.
func (r *Room) tellObservers() {
	for _, o := range r.observations {
		o.update(r.published)
		if r.closed {
			o.observer.RoomEnded()
		}
	}
	if r.closed {
		r.observations = nil
	}
}

// update tells the observer how the tracks differ from those it knows.
func (o *observation) update(tracks []*Publication) {
	o.known = slices.DeleteFunc(o.known, func(k *knownTrack) bool {
		gone := !slices.Contains(tracks, k.pub)
		if gone {
			o.observer.TrackUnpublished(k.pub.describe())
		}
		return gone
	})
	for _, pub := range tracks {
		muted, receivers := pub.info.Muted, pub.codecReceivers()
		i := slices.IndexFunc(o.known, func(k *knownTrack) bool { return k.pub == pub })
		if i < 0 {
			o.known = append(o.known, &knownTrack{pub, muted, receivers})
			o.observer.TrackPublished(pub.describe())
			continue
		}
		k := o.known[i]
		if !slices.Equal(k.receivers, receivers) {
			k.receivers = receivers
			o.observer.TrackCodecs(pub.describe())
		}
		if k.muted != muted {
			k.muted = muted
			o.observer.TrackMuted(pub.describe())
		}
	}
}

// describe returns the track as an Observer sees it.
func (pub *Publication) describe() ObservedTrack {
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

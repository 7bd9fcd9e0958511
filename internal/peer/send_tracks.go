package peer

import (
	"errors"
	"slices"

	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// AddTrack adds d to the connection. The addition takes effect with the next Negotiate. If the server makes the offers, d
// gets a media section that offers the codecs with the given MIME types, in the order of preference. If the client supports
// none of the codecs, d is rejected. If the client makes the offers, AddTrack ignores mimes. It then puts d on a free
// receive-only section. Without a free section, d waits until the client adds one.
func (t *Transport) AddTrack(d *sfu.DownTrack, mimes []string) {
	t.work.Post(func() {
		if t.closed {
			return
		}
		var err error
		if t.options.Publishes {
			err = t.attachOrQueue(d)
		} else {
			err = t.addTrack(d, mimes)
		}
		switch {
		case errors.Is(err, sfu.ErrCodec):
			d.Reject()
		case err != nil:
			t.fail(err)
		default:
			t.reports.Add(d)
		}
	})
}

// RemoveTrack removes d, which has been stopped, from the connection. The removal takes effect with the next Negotiate. The
// parameter ended is set if the track itself has ended. A black frame then replaces the last frame of a video.
func (t *Transport) RemoveTrack(d *sfu.DownTrack, ended bool) {
	t.work.Post(func() {
		if ended {
			d.SendBlackFrames()
		}
		t.reports.Remove(d)
		t.Allocator.Remove(d)
		t.clientOffers.needsOffer = true
		t.clientOffers.queued = slices.DeleteFunc(t.clientOffers.queued, func(w *sfu.DownTrack) bool { return w == d })
		for _, s := range t.pc.GetSenders() {
			if s.Track() == webrtc.TrackLocal(d) {
				if err := t.pc.RemoveTrack(s); err != nil {
					t.log.Debug("failed to remove a track", "err", err)
				}
				if t.serverOffers.id > 0 { // otherwise the client makes the offers, and freeSections counts
					t.serverOffers.reuse.dropped = append(t.serverOffers.reuse.dropped, d.Kind())
				}
			}
		}
	})
}

// Negotiate makes added and removed tracks take effect. If the server makes the offers, it sends an offer; if an earlier
// offer is still unanswered, it waits for the answer first. If the client makes the offers, Negotiate asks the client for an
// offer.
func (t *Transport) Negotiate() {
	if t.options.Publishes {
		t.work.Post(t.requestSections)
	} else {
		t.work.Post(t.sendOffer)
	}
}

package peer

import (
	"errors"
	"slices"

	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// AddTrack adds d to the connection; it takes effect with the next Negotiate. Where the server makes the offers, a media
// section for d offers the codecs of those MIME types. Where the client makes them, d goes on a free section of the
// client's, or on one that the client has yet to add.
func (t *Transport) AddTrack(d *sfu.DownTrack, mimes []string) {
	t.work.Post(func() {
		if t.closed {
			return
		}
		var err error
		if t.options.Publishes {
			err = t.attach(d)
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

// RemoveTrack removes d, which has been stopped, from the connection; it takes effect with the next Negotiate. The last
// picture of a track that has ended disappears.
func (t *Transport) RemoveTrack(d *sfu.DownTrack, ended bool) {
	t.work.Post(func() {
		if ended {
			d.SendBlackFrames()
		}
		t.reports.Remove(d)
		t.Allocator.Remove(d)
		t.clientOffers.stale = true
		t.clientOffers.waiting = slices.DeleteFunc(t.clientOffers.waiting, func(w *sfu.DownTrack) bool { return w == d })
		for _, s := range t.pc.GetSenders() {
			if s.Track() == webrtc.TrackLocal(d) {
				if err := t.pc.RemoveTrack(s); err != nil {
					t.log.Debug("remove a track", "err", err)
				}
				if t.serverOffers.id > 0 { // else the client offers, and says itself what is free
					t.serverOffers.reuse.dropped = append(t.serverOffers.reuse.dropped, d.Kind())
				}
			}
		}
	})
}

// Negotiate makes added and dropped tracks take effect: by an offer, at once or after the answer that is awaited, or where
// the client makes the offers, by asking it for one.
func (t *Transport) Negotiate() {
	if t.options.Publishes {
		t.work.Post(t.askSections)
	} else {
		t.work.Post(t.sendOffer)
	}
}

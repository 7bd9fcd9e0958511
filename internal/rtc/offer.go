package rtc

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// This file is the side of a Transport on which the server offers: the SUBSCRIBER connection of dual mode.

// offerState is where the exchange of offers stands. Only one offer is out at a time; what changes meanwhile goes into
// one more.
type offerState struct {
	id      uint32 // of the latest offer, from 1
	out     bool   // waiting for the answer
	again   bool   // something changed meanwhile
	restart bool   // the next offer restarts ICE
	sent    time.Time
	limit   *time.Timer // for the answer
	reuse   reuse
	taken   map[webrtc.RTPCodecType]map[string]bool // the codecs of the client's answers, in lower case; nil before the first
}

// reuse is how sections are used again, so that a long meeting with many arrivals does not grow their number. A section
// can carry another track once the client has agreed that it carries none.
type reuse struct {
	dropped []webrtc.RTPCodecType       // sections whose track has gone since the latest offer, by their kinds
	leaving []webrtc.RTPCodecType       // whose track has gone with the offer that is out
	free    map[webrtc.RTPCodecType]int // that carry nothing
}

// offered takes note of an offer, in which dropped sections are inactive.
func (r *reuse) offered() { r.dropped, r.leaving = nil, append(r.leaving, r.dropped...) }

// answered takes note that the client has agreed.
func (r *reuse) answered() {
	if r.free == nil {
		r.free = map[webrtc.RTPCodecType]int{}
	}
	for _, kind := range r.leaving {
		r.free[kind]++
	}
	r.leaving = nil
}

// take tells whether there is a free section of that kind, which is free no more.
func (r *reuse) take(kind webrtc.RTPCodecType) bool {
	if r.free[kind] == 0 {
		return false
	}
	r.free[kind]--
	return true
}

// answerLimit is how long a client may take to answer (livekit-protocol.md, 2.10).
const answerLimit = 15 * time.Second

var errNoAnswer = errors.New("rtc: the client did not answer an offer in time")

// expectAnswer gives the client its time from now on.
func (t *Transport) expectAnswer() {
	if t.offers.limit != nil {
		t.offers.limit.Stop()
	}
	t.offers.sent = time.Now()
	t.offers.limit = time.AfterFunc(t.answerLimit, func() {
		t.work.Post(func() {
			if t.offers.out && time.Since(t.offers.sent) >= t.answerLimit { // else it was repeated meanwhile
				t.fail(errNoAnswer)
			}
		})
	})
}

// sendTrack adds d to the connection, offering those codecs; it takes effect with the next negotiate.
func (t *Transport) sendTrack(d *sfu.DownTrack, mimes []string) {
	t.work.Post(func() {
		if t.closed {
			return
		}
		codecs := t.offered(d.Kind(), mimes)
		if len(codecs) == 0 {
			d.OnBound(sfu.ErrCodec)
			return
		}
		tr, err := t.section(d)
		if err == nil {
			err = tr.SetCodecPreferences(codecs)
		}
		if err != nil {
			t.fail(err)
			return
		}
		t.reports.Add(d)
	})
}

// offered returns the codecs a section offers for a track in those. Before the client has answered for that kind, all
// others follow: pion takes the first answer for all that the client can do.
func (t *Transport) offered(kind webrtc.RTPCodecType, mimes []string) []webrtc.RTPCodecParameters {
	taken := t.offers.taken[kind]
	if taken == nil {
		for _, c := range enabledCodecs() {
			if strings.HasPrefix(c.Mime, kind.String()+"/") && !slices.ContainsFunc(mimes, func(m string) bool { return strings.EqualFold(m, c.Mime) }) {
				mimes = append(slices.Clone(mimes), c.Mime)
			}
		}
	}
	seen := map[webrtc.PayloadType]bool{} // RED brings Opus along
	return slices.DeleteFunc(t.codecs.preference(mimes...), func(c webrtc.RTPCodecParameters) bool {
		twice := seen[c.PayloadType]
		seen[c.PayloadType] = true
		return twice || taken != nil && !taken[strings.ToLower(c.MimeType)]
	})
}

// takeCodecs notes what the client's answer says it can do.
func (o *offerState) takeCodecs(answer *sdp.SessionDescription) {
	for _, m := range answer.MediaDescriptions {
		kind := webrtc.NewRTPCodecType(m.MediaName.Media)
		if kind == webrtc.RTPCodecTypeUnknown {
			continue
		}
		if o.taken == nil {
			o.taken = map[webrtc.RTPCodecType]map[string]bool{}
		}
		if o.taken[kind] == nil {
			o.taken[kind] = map[string]bool{}
		}
		for _, a := range m.Attributes {
			if _, encoding, ok := strings.Cut(a.Value, " "); ok && a.Key == "rtpmap" {
				name, _, _ := strings.Cut(encoding, "/")
				o.taken[kind][kind.String()+"/"+strings.ToLower(name)] = true
			}
		}
	}
}

// section gives d a section that is free, else a new one. pion's AddTrack finds the free one; it would make one for both
// directions if there were none, so it is asked only when there is.
func (t *Transport) section(d *sfu.DownTrack) (*webrtc.RTPTransceiver, error) {
	if !t.reuses || !t.offers.reuse.take(d.Kind()) {
		return t.addSection(d)
	}
	sender, err := t.pc.AddTrack(d)
	if err != nil {
		return nil, err
	}
	all := t.pc.GetTransceivers()
	return all[slices.IndexFunc(all, func(tr *webrtc.RTPTransceiver) bool { return tr.Sender() == sender })], nil
}

func (t *Transport) addSection(d *sfu.DownTrack) (*webrtc.RTPTransceiver, error) {
	if len(t.pc.GetTransceivers()) >= maxSections {
		return nil, errSections
	}
	return t.pc.AddTransceiverFromTrack(d, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
}

// dropTrack takes d, which has been stopped, off the connection; negotiation follows separately. The last picture of a track that is
// over goes with it.
func (t *Transport) dropTrack(d *sfu.DownTrack, over bool) {
	t.work.Post(func() {
		if over {
			d.Blank()
		}
		t.reports.Remove(d)
		t.allocator.Remove(d)
		t.sections.stale = true
		t.sections.waiting = slices.DeleteFunc(t.sections.waiting, func(w *sfu.DownTrack) bool { return w == d })
		for _, s := range t.pc.GetSenders() {
			if s.Track() == webrtc.TrackLocal(d) {
				if err := t.pc.RemoveTrack(s); err != nil {
					t.log.Debug("remove a track", "err", err)
				}
				if t.offers.id > 0 { // else the client offers, and says itself what is free
					t.offers.reuse.dropped = append(t.offers.reuse.dropped, d.Kind())
				}
			}
		}
	})
}

// negotiate makes what was added and dropped take effect: by an offer, now or after the answer that is awaited; where
// the client makes the offers, by asking it for one.
func (t *Transport) negotiate(clientOffers bool) {
	if clientOffers {
		t.work.Post(t.askSections)
	} else {
		t.work.Post(t.sendOffer)
	}
}

func (t *Transport) sendOffer() {
	if t.closed {
		return
	}
	if t.offers.out {
		t.offers.again = true
		return
	}
	offer, err := t.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: t.offers.restart && t.remoteSet})
	if err != nil {
		t.fail(err)
		return
	}
	out, err := t.setLocal(offer, t.offers.id+1)
	if err != nil {
		t.fail(err)
		return
	}
	t.offers.id++
	t.offers.out, t.offers.again, t.offers.restart = true, false, false
	t.offers.reuse.offered()
	t.hooks.offer(out)
	t.expectAnswer()
}

// resume brings a client up to date that has a new socket: it repeats an offer that may have been lost, or whose answer
// may have been, with the old one, and restarts ICE, by that offer's successor if there is one.
func (t *Transport) resume(restartICE bool) {
	t.work.Post(func() { t.resumeOffers(restartICE) })
}

func (t *Transport) resumeOffers(restartICE bool) {
	t.offers.restart = t.offers.restart || restartICE
	switch {
	case t.closed:
	case t.offers.out:
		t.hooks.offer(t.local(t.offers.id))
		t.expectAnswer()
	case restartICE:
		t.sendOffer()
	}
}

// takeAnswer applies the client's answer to our latest offer.
func (t *Transport) takeAnswer(d *livekit.SessionDescription) {
	t.work.Post(func() {
		if t.closed || !t.offers.out || (d.Id != 0 && d.Id != t.offers.id) {
			t.log.Debug("answer to no offer", "id", d.Id)
			return
		}
		answer := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: d.Sdp}
		parsed, err := answer.Unmarshal()
		if err == nil {
			err = t.setRemote(answer, parsed)
		}
		if err != nil {
			t.fail(err)
			return
		}
		t.offers.takeCodecs(parsed)
		t.offers.out = false
		t.offers.limit.Stop()
		t.offers.reuse.answered()
		if t.offers.again || t.offers.restart {
			t.sendOffer()
		}
	})
}

package peer

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

// This file is for a Transport on which the server makes the offers: the SUBSCRIBER connection of dual mode.

// serverOffers is the state of the exchange of offers. Only one offer is out at a time; what changes meanwhile goes into
// one more.
type serverOffers struct {
	id      uint32 // of the latest offer, from 1
	out     bool   // waiting for the answer
	again   bool   // something changed meanwhile
	restart bool   // the next offer restarts ICE
	sent    time.Time
	timer   *time.Timer // for the answer
	reuse   reuse
	taken   map[webrtc.RTPCodecType]map[string]bool // the codecs of the client's answers, in lower case; nil before the first
}

// reuse tracks which media sections can be used again, so that their number does not grow in a long meeting with many
// arrivals. A section can carry another track once the client has agreed that it carries none.
type reuse struct {
	dropped []webrtc.RTPCodecType       // sections whose track has gone since the latest offer, by their kinds
	leaving []webrtc.RTPCodecType       // whose track has gone with the offer that is out
	free    map[webrtc.RTPCodecType]int // that carry nothing
}

// offered notes an offer, in which dropped sections are inactive.
func (r *reuse) offered() { r.dropped, r.leaving = nil, append(r.leaving, r.dropped...) }

// answered notes that the client has agreed.
func (r *reuse) answered() {
	if r.free == nil {
		r.free = map[webrtc.RTPCodecType]int{}
	}
	for _, kind := range r.leaving {
		r.free[kind]++
	}
	r.leaving = nil
}

// take reports whether there is a free section of that kind, and takes it.
func (r *reuse) take(kind webrtc.RTPCodecType) bool {
	if r.free[kind] == 0 {
		return false
	}
	r.free[kind]--
	return true
}

// answerTimeout is how long a client may take to answer an offer by default (docs/protocol.md, 2.10).
const answerTimeout = 15 * time.Second

// ErrNoAnswer is the error with which a Transport fails when the client has not answered an offer in time.
var ErrNoAnswer = errors.New("peer: the client did not answer an offer in time")

// expectAnswer starts the client's time for an answer.
func (t *Transport) expectAnswer() {
	if t.serverOffers.timer != nil {
		t.serverOffers.timer.Stop()
	}
	t.serverOffers.sent = time.Now()
	t.serverOffers.timer = time.AfterFunc(t.answerTimeout, func() {
		t.work.Post(func() {
			if t.serverOffers.out && time.Since(t.serverOffers.sent) >= t.answerTimeout { // else it was repeated meanwhile
				t.fail(ErrNoAnswer)
			}
		})
	})
}

// addTrack gives d a media section that offers the codecs of those MIME types. It returns sfu.ErrCodec if the client takes
// none of them.
func (t *Transport) addTrack(d *sfu.DownTrack, mimes []string) error {
	codecs := t.offered(d.Kind(), mimes)
	if len(codecs) == 0 {
		return sfu.ErrCodec
	}
	tr, err := t.section(d)
	if err != nil {
		return err
	}
	return tr.SetCodecPreferences(codecs)
}

// offered returns the codecs that a media section offers for a track in those MIME types. Before the client has answered
// for that kind, all others follow: pion takes the first answer for all that the client can do.
func (t *Transport) offered(kind webrtc.RTPCodecType, mimes []string) []webrtc.RTPCodecParameters {
	taken := t.serverOffers.taken[kind]
	if taken == nil {
		for _, c := range EnabledCodecs() {
			if strings.HasPrefix(c.Mime, kind.String()+"/") && !slices.ContainsFunc(mimes, func(m string) bool { return strings.EqualFold(m, c.Mime) }) {
				mimes = append(slices.Clone(mimes), c.Mime)
			}
		}
	}
	seen := map[webrtc.PayloadType]bool{} // RED brings Opus along
	return slices.DeleteFunc(t.options.preference(mimes...), func(c webrtc.RTPCodecParameters) bool {
		twice := seen[c.PayloadType]
		seen[c.PayloadType] = true
		return twice || taken != nil && !taken[strings.ToLower(c.MimeType)]
	})
}

// takeCodecs notes what the client's answer says it can do.
func (o *serverOffers) takeCodecs(answer *sdp.SessionDescription) {
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

// section gives d a free media section, else a new one. pion's AddTrack finds the free section; without one it would make
// a section for both directions, so it is called only if there is one.
func (t *Transport) section(d *sfu.DownTrack) (*webrtc.RTPTransceiver, error) {
	if !t.options.ReusesSections || !t.serverOffers.reuse.take(d.Kind()) {
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

func (t *Transport) sendOffer() {
	if t.closed {
		return
	}
	if t.serverOffers.out {
		t.serverOffers.again = true
		return
	}
	offer, err := t.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: t.serverOffers.restart && t.remoteSet})
	if err != nil {
		t.fail(err)
		return
	}
	out, err := t.setLocal(offer, t.serverOffers.id+1)
	if err != nil {
		t.fail(err)
		return
	}
	t.serverOffers.id++
	t.serverOffers.out, t.serverOffers.again, t.serverOffers.restart = true, false, false
	t.serverOffers.reuse.offered()
	t.hooks.Offer(out)
	t.expectAnswer()
}

// Resume brings a client up to date that has a new signalling connection. It repeats an offer that may have been lost with
// the old one, or whose answer may have been lost; and it restarts ICE if asked to, with the offer after that one if one
// is out.
func (t *Transport) Resume(restartICE bool) {
	t.work.Post(func() { t.resumeOffers(restartICE) })
}

func (t *Transport) resumeOffers(restartICE bool) {
	t.serverOffers.restart = t.serverOffers.restart || restartICE
	switch {
	case t.closed:
	case t.serverOffers.out:
		t.hooks.Offer(t.local(t.serverOffers.id))
		t.expectAnswer()
	case restartICE:
		t.sendOffer()
	}
}

// HandleAnswer applies the client's answer to our latest offer.
func (t *Transport) HandleAnswer(d *livekit.SessionDescription) {
	t.work.Post(func() {
		if t.closed || !t.serverOffers.out || (d.Id != 0 && d.Id != t.serverOffers.id) {
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
		t.serverOffers.takeCodecs(parsed)
		t.serverOffers.out = false
		t.serverOffers.timer.Stop()
		t.serverOffers.reuse.answered()
		if t.serverOffers.again || t.serverOffers.restart {
			t.sendOffer()
		}
	})
}

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

// This file implements offers of the server, on the SUBSCRIBER connection of a client with two peer connections
// (docs/protocol.md, 2.9).

// serverOffers is the state of negotiation if the server makes the offers. Only one offer is unanswered at any time; changes
// made meanwhile go into the next offer.
type serverOffers struct {
	id          uint32 // session description ID of the latest offer; the first is 1
	pending     bool   // the latest offer has not been answered
	changed     bool   // something has changed since the latest offer, which is pending
	restartICE  bool   // the next offer restarts ICE
	sent        time.Time
	answerTimer *time.Timer // fires when the answer is overdue
	reuse       reuse
	// clientCodecs has a set of MIME types for each kind of media: the codecs in the client's answers, in lower case. There
	// is no set for a kind before the first answer with a section of that kind.
	clientCodecs map[webrtc.RTPCodecType]map[string]bool
}

// reuse tracks which media sections carry no track and can carry another track. Without reuse of sections, the SDP would
// grow in a long meeting in which participants come and go. A section is free when the client has answered the offer in
// which the section is inactive.
type reuse struct {
	dropped []webrtc.RTPCodecType       // kinds of the sections whose track was removed since the latest offer
	leaving []webrtc.RTPCodecType       // kinds of the sections that are inactive in the unanswered offer
	free    map[webrtc.RTPCodecType]int // number of free sections
}

// offerSent records that an offer has been sent, in which the sections in r.dropped are inactive.
func (r *reuse) offerSent() { r.dropped, r.leaving = nil, append(r.leaving, r.dropped...) }

// answerReceived records that the client has answered the latest offer. The sections that are inactive in that offer are
// free from now on.
func (r *reuse) answerReceived() {
	if r.free == nil {
		r.free = map[webrtc.RTPCodecType]int{}
	}
	for _, kind := range r.leaving {
		r.free[kind]++
	}
	r.leaving = nil
}

// acquire reports whether a section of the given kind is free. If so, the section counts as used from now on.
func (r *reuse) acquire(kind webrtc.RTPCodecType) bool {
	if r.free[kind] == 0 {
		return false
	}
	r.free[kind]--
	return true
}

// answerTimeout is the default of EngineOptions.AnswerTimeout (docs/protocol.md, 2.10).
const answerTimeout = 15 * time.Second

// ErrNoAnswer is passed to Hooks.Failed when the client has not answered an offer in time.
var ErrNoAnswer = errors.New("peer: the client did not answer an offer in time")

// startAnswerTimer makes the Transport fail with ErrNoAnswer unless the client answers within t.answerTimeout.
func (t *Transport) startAnswerTimer() {
	if t.serverOffers.answerTimer != nil {
		t.serverOffers.answerTimer.Stop()
	}
	t.serverOffers.sent = time.Now()
	t.serverOffers.answerTimer = time.AfterFunc(t.answerTimeout, func() {
		t.work.Post(func() {
			if t.serverOffers.pending && time.Since(t.serverOffers.sent) >= t.answerTimeout { // otherwise the offer was answered or repeated
				t.fail(ErrNoAnswer)
			}
		})
	})
}

// addTrack gives d a media section that offers the codecs with the given MIME types, in order of preference. It returns
// sfu.ErrCodec if the client supports none of them.
func (t *Transport) addTrack(d *sfu.DownTrack, mimes []string) error {
	codecs := t.offeredCodecs(d.Kind(), mimes)
	if len(codecs) == 0 {
		return sfu.ErrCodec
	}
	tr, err := t.reuseOrAddSection(d)
	if err != nil {
		return err
	}
	return tr.SetCodecPreferences(codecs)
}

// offeredCodecs returns the codecs that a media section offers for a track with the given MIME types. Until the client has
// answered a section of that kind, all other codecs of the kind follow, because Pion takes the client's first answer as the
// full list of its codecs.
func (t *Transport) offeredCodecs(kind webrtc.RTPCodecType, mimes []string) []webrtc.RTPCodecParameters {
	supported := t.serverOffers.clientCodecs[kind]
	if supported == nil {
		for _, c := range EnabledCodecs() {
			if strings.HasPrefix(c.Mime, kind.String()+"/") && !slices.ContainsFunc(mimes, func(m string) bool { return strings.EqualFold(m, c.Mime) }) {
				mimes = append(slices.Clone(mimes), c.Mime)
			}
		}
	}
	seen := map[webrtc.PayloadType]bool{} // codecsFor adds Opus to RED
	return slices.DeleteFunc(t.options.codecsFor(mimes...), func(c webrtc.RTPCodecParameters) bool {
		duplicate := seen[c.PayloadType]
		seen[c.PayloadType] = true
		return duplicate || supported != nil && !supported[strings.ToLower(c.MimeType)]
	})
}

// recordCodecs adds the codecs of the client's answer to clientCodecs.
func (o *serverOffers) recordCodecs(answer *sdp.SessionDescription) {
	for _, m := range answer.MediaDescriptions {
		kind := webrtc.NewRTPCodecType(m.MediaName.Media)
		if kind == webrtc.RTPCodecTypeUnknown {
			continue
		}
		if o.clientCodecs == nil {
			o.clientCodecs = map[webrtc.RTPCodecType]map[string]bool{}
		}
		if o.clientCodecs[kind] == nil {
			o.clientCodecs[kind] = map[string]bool{}
		}
		for _, a := range m.Attributes {
			if _, encoding, ok := strings.Cut(a.Value, " "); ok && a.Key == "rtpmap" {
				name, _, _ := strings.Cut(encoding, "/")
				o.clientCodecs[kind][kind.String()+"/"+strings.ToLower(name)] = true
			}
		}
	}
}

// reuseOrAddSection puts d on a free media section, or on a new one if none is free. Pion's AddTrack selects the free
// section. Without a free section, AddTrack would add a section for both directions, so it is called only if a section is
// free.
func (t *Transport) reuseOrAddSection(d *sfu.DownTrack) (*webrtc.RTPTransceiver, error) {
	if !t.options.ReusesSections || !t.serverOffers.reuse.acquire(d.Kind()) {
		return t.addSection(d)
	}
	sender, err := t.pc.AddTrack(d)
	if err != nil {
		return nil, err
	}
	all := t.pc.GetTransceivers()
	return all[slices.IndexFunc(all, func(tr *webrtc.RTPTransceiver) bool { return tr.Sender() == sender })], nil
}

// addSection puts d on a new send-only media section. It fails if the connection has maxSections already.
func (t *Transport) addSection(d *sfu.DownTrack) (*webrtc.RTPTransceiver, error) {
	if len(t.pc.GetTransceivers()) >= maxSections {
		return nil, errTooManySections
	}
	return t.pc.AddTransceiverFromTrack(d, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
}

// sendOffer sends an offer. If an earlier offer is unanswered, sendOffer only records that another offer is needed.
func (t *Transport) sendOffer() {
	if t.closed {
		return
	}
	if t.serverOffers.pending {
		t.serverOffers.changed = true
		return
	}
	offer, err := t.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: t.serverOffers.restartICE && t.remoteSet})
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
	t.serverOffers.pending, t.serverOffers.changed, t.serverOffers.restartICE = true, false, false
	t.serverOffers.reuse.offerSent()
	t.hooks.Offer(out)
	t.startAnswerTimer()
}

// Resume continues negotiation after the client has opened a new signal connection. It repeats a pending offer, because the
// offer or its answer may have been lost with the old signal connection. If restartICE is set, Resume also restarts ICE. If
// no offer is pending, a new offer restarts ICE. Otherwise the offer after the pending one does so.
func (t *Transport) Resume(restartICE bool) {
	t.work.Post(func() { t.resumeOffers(restartICE) })
}

// resumeOffers implements Resume on the worker.
func (t *Transport) resumeOffers(restartICE bool) {
	t.serverOffers.restartICE = t.serverOffers.restartICE || restartICE
	switch {
	case t.closed:
	case t.serverOffers.pending:
		t.hooks.Offer(t.localDescription(t.serverOffers.id))
		t.startAnswerTimer()
	case restartICE:
		t.sendOffer()
	}
}

// HandleAnswer applies the client's answer to the pending offer. It ignores an answer to another offer. An ID of 0 matches
// any offer.
func (t *Transport) HandleAnswer(d *livekit.SessionDescription) {
	t.work.Post(func() {
		if t.closed || !t.serverOffers.pending || (d.Id != 0 && d.Id != t.serverOffers.id) {
			t.log.Debug("ignored an answer without a matching offer", "id", d.Id)
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
		t.serverOffers.recordCodecs(parsed)
		t.serverOffers.pending = false
		t.serverOffers.answerTimer.Stop()
		t.serverOffers.reuse.answerReceived()
		if t.serverOffers.changed || t.serverOffers.restartICE {
			t.sendOffer()
		}
	})
}

package rtc

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// stage is a published track in virtual time, with viewers that have no connection.
type dynacastTest struct {
	t    *testing.T
	sink *sink // the publisher's
	pub  *Publication
}

// withDynacastTest runs f in virtual time with a track of three layers, in the codecs of mimes.
func withDynacastTest(t *testing.T, mimes []string, f func(s *dynacastTest)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(&Rooms{log: slog.New(slog.DiscardHandler)}, "room", nil)
		go r.loop.Run() // ends with stop
		info := &livekit.TrackInfo{Sid: "TR_camera", Type: livekit.TrackType_VIDEO, Layers: []*livekit.VideoLayer{
			{Quality: livekit.VideoQuality_LOW}, {Quality: livekit.VideoQuality_MEDIUM}, {Quality: livekit.VideoQuality_HIGH},
		}}
		for _, mime := range mimes {
			info.Codecs = append(info.Codecs, &livekit.SimulcastCodecInfo{MimeType: mime})
		}
		s := &dynacastTest{t: t, sink: &sink{}}
		s.pub = newPublication(blankParticipant(r, request("ada"), s.sink), &pendingTrack{info: info, cids: []string{"camera"}})
		s.update(func() {})
		f(s)
		s.update(func() { s.pub.closed = true })
		r.cancel()
		r.loop.Stop()
	})
}

// change runs f on the room's loop and lets the publisher know what it changed.
func (s *dynacastTest) update(f func()) {
	r := s.pub.owner.room
	r.loop.Post(func() { f(); r.dirtyDemand[s.pub] = true })
	synctest.Wait()
}

// views adds a viewer of layers up to wanted.
func (s *dynacastTest) addViewer(identity string, wanted int) *Subscription {
	v := &Subscription{
		subscriber: blankParticipant(s.pub.owner.room, request(identity), nil), pub: s.pub, targetCodec: s.pub.codecs[0],
		subscriptionInputs: subscriptionInputs{enabled: true, wanted: wanted},
	}
	s.update(func() { s.pub.subs = append(s.pub.subs, v) })
	return v
}

func (s *dynacastTest) removeViewer(v *Subscription) {
	s.update(func() { s.pub.subs = slices.DeleteFunc(s.pub.subs, func(x *Subscription) bool { return x == v }) })
}

// told checks what the publisher was told since the last call, one word for each message: for each codec the initials of
// the qualities that are enabled.
func (s *dynacastTest) checkSent(what string, want ...string) {
	s.t.Helper()
	var got []string
	for _, m := range s.sink.all() {
		word := ""
		for _, c := range m.GetSubscribedQualityUpdate().GetSubscribedCodecs() {
			word += c.Codec + ":"
			for _, q := range c.Qualities {
				if q.Enabled {
					word += q.Quality.String()[:1]
				}
			}
			word += " "
		}
		got = append(got, strings.TrimSpace(word))
	}
	s.sink.mu.Lock()
	s.sink.messages = nil
	s.sink.mu.Unlock()
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: the publisher is told %q, want %q", what, got, want)
	}
}

func TestTrackWithoutViewersIsSwitchedOff(t *testing.T) {
	withDynacastTest(t, []string{"video/VP8"}, func(s *dynacastTest) {
		time.Sleep(demandDelay - time.Nanosecond)
		s.checkSent("before the delay has passed")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		s.checkSent("nobody has come", "vp8:")
		bo := s.addViewer("bo", sfu.MaxLayers-1)
		s.checkSent("a viewer comes", "vp8:LMH")
		s.removeViewer(bo)
		time.Sleep(demandDelay - time.Nanosecond)
		bo = s.addViewer("bo", sfu.MaxLayers-1)
		time.Sleep(time.Minute)
		s.checkSent("the viewer returns in time")

		cy := s.addViewer("cy", 0)
		s.update(func() { bo.enabled = false })
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("one of two disables it", "vp8:L")
		s.update(func() { cy.enabled = false })
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("both have disabled it", "vp8:")
		s.update(func() { cy.enabled = true })
		s.checkSent("one enables it", "vp8:L")
	})
}

// A viewer whose connection has no room for the picture still watches: without packets nobody would learn when there is.
func TestPausedVideoStaysRequested(t *testing.T) {
	withDynacastTest(t, []string{"video/VP8"}, func(s *dynacastTest) {
		bo := s.addViewer("bo", sfu.MaxLayers-1)
		s.update(func() { bo.paused = true })
		time.Sleep(time.Minute)
		s.checkSent("a paused picture")
	})
}

func TestUnwatchedTrackIsSwitchedOffWhenUnmuted(t *testing.T) {
	withDynacastTest(t, []string{"video/VP8"}, func(s *dynacastTest) {
		bo := s.addViewer("bo", sfu.MaxLayers-1)
		s.update(func() { s.pub.setMuted(true) })
		s.removeViewer(bo)
		time.Sleep(time.Minute)
		s.checkSent("while it is muted")
		s.update(func() { s.pub.setMuted(false) })
		s.checkSent("unmuted for nobody", "vp8:")
		s.update(func() { s.pub.setMuted(true) })
		s.addViewer("bo", sfu.MaxLayers-1)
		s.checkSent("a viewer of a muted track")
		s.update(func() { s.pub.setMuted(false) })
		s.checkSent("unmuted for a viewer", "vp8:LMH")
	})
}

func TestUnwatchedTrackIsSwitchedOffInEveryCodec(t *testing.T) {
	withDynacastTest(t, []string{"video/VP9", "video/VP8"}, func(s *dynacastTest) {
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("nobody has come", "vp9: vp8:")
	})
}

// Sound in several codecs: a subscriber counts even while it has disabled the track.
func TestAudioCodecsAreSwitchedOffWithoutSubscribers(t *testing.T) {
	withDynacastTest(t, []string{"audio/red", "audio/opus"}, func(s *dynacastTest) {
		s.pub.info.Type = livekit.TrackType_AUDIO
		bo := s.addViewer("bo", sfu.MaxLayers-1)
		s.update(func() { bo.enabled = false })
		time.Sleep(time.Minute)
		s.checkSent("disabled")
		s.removeViewer(bo)
		time.Sleep(demandDelay)
		synctest.Wait()
		all := s.sink.all()
		if got := fmt.Sprint(all[len(all)-1].GetSubscribedAudioCodecUpdate()); len(all) != 1 || strings.Contains(got, "enabled") {
			t.Errorf("the publisher is told %v", all)
		}
	})
}

// A recorder is no subscriber, and yet what it takes stays on.
func TestRecordedLayersStayRequested(t *testing.T) {
	withDynacastTest(t, []string{"video/VP9", "video/VP8"}, func(s *dynacastTest) {
		c := s.pub.codecs[0]
		s.update(func() {
			c.receiver = sfu.NewReceiver(sfu.ReceiverOptions{Format: sfu.Format{MimeType: "video/vp9", ClockRate: 90_000}, DemandChanged: c.demandChanged})
		})
		rec := newRecorder()
		recording := sfu.NewLayerSink(c.receiver, 1, &writer{rec, "video/vp9"})
		recording.Start()
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("two layers are recorded", "vp9:LM vp8:")
		bo := s.addViewer("bo", 0)
		time.Sleep(time.Minute)
		s.checkSent("and one is watched")
		recording.SetLayer(2)
		synctest.Wait()
		s.checkSent("all are recorded", "vp9:LMH vp8:")
		recording.Stop()
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("none is recorded", "vp9:L vp8:")
		s.removeViewer(bo)
		time.Sleep(demandDelay)
		synctest.Wait()
		s.checkSent("nobody is left", "vp9: vp8:")
	})
}
